"""Code pages: what cannot be known is asked, and the right reading is one of the three that are shown."""

import random

import pytest

from hover_core.errors import TableError
from hover_core.tables.decisions import Reading
from hover_core.tables.reading.foreign_files import read_table
from hover_core.tables.reading.text_encoding import rank_encodings

WORDS = {
    "cp1250": "žluna šedá|špaček|ťuhýk|čáp|sýkora koňadra|łabędź|wróbel|dzięcioł|żuraw|gęś|széncinege|ökörszem|gólya",
    "cp1251": "сойка|кошка|воробей|зяблик|дятел|Соловей|ВОРОНА|горобець|їжак",
    "cp1252": "gél|âne|mésange bleue|étourneau|hérisson|Mönchsgrasmücke|Bär|gorrión|cigüeña|coração|rødhals|blåmes",
    "gb18030": "狗叫|猫叫|麻雀|喜鹊|乌鸦|下雨|雷声|汽车|画眉|珠颈斑鸠",
    "shift_jis": "犬|猫|ウグイス|スズメ|犬の鳴き声|雨の音|雷|鶯|啄木鳥|救急車",
    "cp949": "개|고양이|참새|까치|뻐꾸기|꾀꼬리|개 짖는 소리|박새|붉은머리오목눈이",
    "mac_roman": "gél|âne|mésange bleue|étourneau|hérisson|Mönchsgrasmücke|Bär|Möwe|gorrión|cigüeña|blåmes|rødhals",
    "big5": "麻雀|烏鴉|喜鵲|狗叫|貓叫|雷聲|下雨|綠繡眼|五色鳥|腳步聲",
}


def table_bytes(words: list[str], encoding: str) -> bytes:
    lines = [f"http://sound.example.org/{n}.wav,{word}\r\n" for n, word in enumerate(words)]
    return ("url,label\r\n" + "".join(lines)).encode(encoding)


@pytest.mark.parametrize("encoding", WORDS)
def test_the_right_reading_of_a_few_words_is_among_the_first_three(encoding):
    words, chance = WORDS[encoding].split("|"), random.Random(0)
    missed = []
    for count in (1, 2, 3, 6) * 25:
        chosen = chance.sample(words, count)
        data = "\n".join(chosen).encode(encoding)
        readings = [data.decode(page, "replace") for page in rank_encodings(data)[:3]]
        if "\n".join(chosen) not in readings:
            missed.append(chosen)

    assert missed == []


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
@pytest.mark.parametrize("word", ["it’s", "“a song” – soft", "10–20 kHz", "wait…", "«oui»", "the dogs’"])
def test_marks_of_typographers_alone_say_enough(encoding, word):
    data = word.encode(encoding)

    assert word in [data.decode(page) for page in rank_encodings(data)[:3]]


@pytest.mark.parametrize(("encoding", "words"), [
    ("cp1250", ["žluna", "špaček"]), ("cp1251", ["собака", "кошка"]), ("cp1252", ["gél", "âne"]),
    ("cp949", ["개", "고양이"]), ("gb18030", ["狗叫", "猫叫"]), ("mac_roman", ["gél", "âne"]),
    ("shift_jis", ["犬", "猫"]),
])  # fmt: skip
def test_a_code_page_is_read_by_the_likeliest_reading_and_asked_about(encoding, words):
    table = read_table(table_bytes(words, encoding), "labels.csv")
    [question] = table.decisions

    assert table.frame["label"].tolist() == words
    assert (question.about, question.value, question.sure, len(question.choices)) == ("encoding", encoding, False, 3)


def test_the_three_readings_show_the_words_that_differ():
    [question] = read_table(table_bytes(["Łódź", "kos"], "cp1250"), "a.csv").decisions
    words = {choice.value: choice.words for choice in question.choices}

    assert words["cp1250"] == "Central European (cp1250): “Łódź”"
    assert words["mac_roman"] == "Western European, Mac (mac_roman): “£Ûdü”"


def test_a_reading_that_was_said_counts_and_asks_nothing():
    table = read_table(table_bytes(["Łódź"], "cp1250"), "a.csv", reading=Reading(encoding="cp1252"))

    assert table.frame["label"].tolist() == ["£ódŸ"]
    assert [(decision.value, decision.sure) for decision in table.decisions] == [("cp1252", True)]


def test_an_encoding_that_does_not_exist_is_a_sentence():
    for name in ("klingon", "base64", "idna\x00"):
        with pytest.raises(TableError, match="is none that is known"):
            read_table(table_bytes(["é"], "cp1252"), "a.csv", reading=Reading(encoding=name))


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_what_is_known_asks_nothing(encoding):
    word = "dog" if encoding == "ascii" else "Łódź 狗"
    mark = "\ufeff" if encoding in ("utf-16-be", "utf-16-le") else ""
    table = read_table(mark.encode(encoding) + table_bytes([word], encoding), "a.csv")

    assert (table.frame["label"].tolist(), table.decisions) == ([word], [])


def test_utf_16_without_a_mark_is_read_and_said():
    table = read_table(table_bytes(["Łódź"], "utf-16-le"), "a.csv")

    assert table.frame["label"].tolist() == ["Łódź"]
    assert [(decision.value, decision.sure) for decision in table.decisions] == [("utf-16-le", True)]


def test_utf_8_with_one_damaged_character_is_still_the_first_reading():
    data = table_bytes(["grün", "schön", "Möwe", "Käfer"], "utf-8") + b"http://h/9.wav,B\xe4r\r\n"
    [question] = read_table(data, "a.csv").decisions

    assert (question.value, question.sure) == ("utf-8", False)
    assert len(question.choices) == 3

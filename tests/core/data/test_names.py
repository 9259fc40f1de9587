"""Names: cleaned of what does not show, and compared by their look."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.data.annotations import label_named
from hover_core.data.names import clean, escape, first_alike, look_alike, skeleton
from hover_core.data.unicode_data import confusables
from tests.run import ROOT

# letters, marks that compose, joiners, a virama, an emoji and its marks: what the rules of `clean` are about
NASTY = st.text(
    st.one_of(
        st.sampled_from("aé\u0301\u0323 \u00a0\u3000\u200b\u200c\u200d\u200e\u202e\u00ad\ufeff\ufe0f\u034f\u2800"),
        st.sampled_from(
            "\u0645\u06cc\u0631\u064e\u0915\u094d\u0937\u0d4d\u1100\u1161\u115f👩🔬❤🏴\U000e0067\U000e007f"
        ),
        st.characters(exclude_categories=["Cs"]),
    )
)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("own\u200ber", "owner"),
        ("\u202eMira\u202c", "Mira"),
        ("Mi\u00adra\ufeff", "Mira"),
        ("cafe\u0301", "caf\u00e9"),
        ("e\u034f\u0301", "\u00e9"),
        (" great\u00a0\u3000tit\u2800", "great tit"),
        ("\u200b\u2060", ""),
        ("❤\ufe0f", "❤"),
        ("a\u200db\u200c", "ab"),
    ],
)
def test_what_does_not_show_is_taken_out(words, shown):
    assert clean(words) == shown


@pytest.mark.parametrize(
    "words",
    [
        "می\u200cروم",  # Persian: without the non-joiner it is another word
        "क्\u200dष",  # Devanagari: a half form instead of the ligature
        "क्\u200cष",  # and the virama shown
        "അവന്\u200d",  # Malayalam in the older spelling: ends in a chillu
        "👩\u200d🔬",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # England: without its letters a black flag
    ],
)
def test_what_changes_how_a_text_looks_stays(words):
    assert clean(words) == words


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("کار\u200cها", "کارها"),  # the letter before does not join anyway
        ("می\u200c\u200cروم", "می\u200cروم"),
        ("می\u200c", "می"),
        ("क्\u200c", "क्"),  # at the end the virama is shown anyway
        ("क्\u200ca", "क्a"),
        ("🏴\U000e0067\U000e007f", "🏴"),
    ],
)
def test_a_joiner_without_effect_goes(words, shown):
    assert clean(words) == shown


@given(NASTY)
def test_what_is_clean_stays_as_it_is(words):
    once = clean(words)

    assert clean(once) == once == unicodedata.normalize("NFC", once)
    assert once == " ".join(once.split())


@given(NASTY)
def test_canonically_equal_texts_become_one(words):
    assert clean(unicodedata.normalize("NFD", words)) == clean(words)


def test_labels_that_differ_by_a_letter_stay_two():
    words = ["0", "O", "l", "1", "I", "dog", "Dog", "оwl", "owl"]

    assert [label_named(word) for word in words] == words


def test_labels_that_look_the_same_are_one():
    assert {label_named(words) for words in ("dog", "do\u200bg", "\u200fdog", "dog\ufeff", "d\u00adog")} == {"dog"}


def test_a_hidden_character_is_spelled():
    assert escape("own\u200ber \U000e0067") == "own‹U+200B›er ‹U+E0067›"


@pytest.mark.parametrize(
    ("code", "prototype"),
    [(0x05AD, "\u0596"), (0x06E8, "\u0306\u0307"), (0x0430, "a"), (0x0031, "l"), (0x006D, "rn"), (0x1D5BC, "c")],
)
def test_the_table_says_what_unicode_says(code, prototype):
    assert confusables()[code] == prototype


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "pаypаl"),  # the examples of TR 39 and of its predecessor
        ("scope", "ѕсоре"),
        ("modern", "rnodern"),
        ("toys-я-us", "t\u043eys-я-us"),
        ("ǉeto", "ljeto"),
    ],
)
def test_what_can_be_taken_for_each_other_has_one_skeleton(one, other):
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    "name",
    [
        "own\u200ber", "оwner", "owner\u2066", "Owner", "OWΝER", "0wner", "o w n e r", "owner.", "ｏｗｎｅｒ", "𝐨𝐰𝐧𝐞𝐫",
        "ⓞⓦⓝⓔⓡ", "ᴏᴡɴᴇʀ", "ow\u00adner", "օwner",
    ],
)  # fmt: skip
def test_these_look_like_the_owner(name):
    assert look_alike(name, "owner")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Mira", "Mіra"), ("Mama", "Marna"), ("Ian", "lan"), ("Ian", "IAN"), ("Bill", "BiII"), ("א1", "1א"), ("סו", "lo")],
)
def test_these_look_alike(one, other):
    assert look_alike(one, other)
    assert look_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mira", "Мира"),  # another script, and other letters to the eye
        ("José", "Jose"),
        ("Ann", "Anna"),
        ("Mira", "Mira 2"),
        ("דנה 12", "דנה 21"),
        ("رضا", "رصا"),
        ("!!!", "..."),
        ("王", "玉"),
    ],
)
def test_these_can_be_told_apart(one, other):
    assert not look_alike(one, other)


@given(NASTY)
def test_every_name_looks_like_itself(name):
    assert look_alike(name, name)


def test_the_name_that_looks_alike_is_found():
    assert first_alike("Mіra", {"Ann", "Mira"}) == "Mira"
    assert first_alike("Mia", {"Ann", "Mira"}) is None


def test_the_tables_are_read_only_when_names_of_people_are_compared():
    code = (
        "from hover_core import dataset\nfrom hover_core.store import members\n"
        "from hover_core.data import names, unicode_data\n"
        "names.clean('caf\\u00e9\\u200b')\n"
        "print(unicode_data.confusables.cache_info().currsize)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "0"

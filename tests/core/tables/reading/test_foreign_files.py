"""Tables and vectors that ask for too much, lie, or take their process over: a sentence, and others' work goes on."""

import io
import os
import resource
import signal
import sys
import threading
import time
import zipfile
from array import array

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hover_core.errors import TableError
from hover_core.exchange import imported_vectors
from hover_core.sandbox.pool import Pool
from hover_core.tables.reading import file_blocks, foreign_files
from hover_core.tables.reading.file_limits import FileLimits
from hover_core.tables.reading.foreign_files import read_table

GOOD = b"url,label\nhttp://h/1,dog\n"

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory and has /proc")


def parquet(columns, **options) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def repeated(text: str, rows: int) -> pa.Array:
    """A column that holds a text once and names it in every row."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npz_of_parts(parts: dict[str, bytes], size: int = 0) -> bytes:
    """An NPZ file put together by hand; `size` zeros follow each part, compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in parts.items():
            with archive.open(name, "w", force_zip64=True) as part:
                part.write(data)
                for _ in range(size // 1_000_000):
                    part.write(bytes(1_000_000))
    return file.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")


def own_peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def peak_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1e3


# what a file asks for -----------------------------------------------------------------------------------------------


@linux
def test_a_small_parquet_file_of_20_gb_is_refused_and_nobody_holds_it(monkeypatch):
    monkeypatch.setenv("HOVER_TABLE_BYTES", "4000000000")
    bomb = parquet({f"c{n}": repeated("x" * 1_000, 1_000_000) for n in range(20)}, store_schema=False)
    read_table(GOOD, "good.csv")
    before = own_peak_mb()

    with pytest.raises(
        TableError, match=r"bomb\.parquet unpacks to more than the 4 GB that one file may take: split it"
    ):
        read_table(bomb, "bomb.parquet")
    assert len(bomb) < 3_000_000
    assert own_peak_mb() - before < 100
    assert max(map(peak_mb, foreign_files.pids())) < 500
    assert len(read_table(GOOD, "good.csv").frame) == 1


@linux
def test_a_dictionary_of_one_long_text_needs_more_memory_than_there_is(monkeypatch):
    monkeypatch.setenv("HOVER_TABLE_BYTES", "100000000000")
    bomb = parquet({"url": repeated("x" * 9_000_000, 900)}, store_schema=False)

    with pytest.raises(
        TableError, match=r"needs more memory than the 1 GB that reading it may take: split it, or save"
    ):
        read_table(bomb, "bomb.parquet")
    assert len(read_table(GOOD, "good.csv").frame) == 1


def test_lists_that_unpack_to_too_much_are_refused_on_the_way(monkeypatch):
    monkeypatch.setenv("HOVER_TABLE_BYTES", "20000000")
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2_000_000, np.int8)), 2_000)

    with pytest.raises(TableError, match="unpacks to more than the 20 MB"):
        read_table(parquet({"list": pa.concat_arrays([lists] * 10)}), "lists.parquet")


@pytest.mark.parametrize(("data", "name", "sentence"), [
    (b"url\n" + b"http://h/1\n" * 101, "a.csv", "has more rows than are read: at most 100 are, so split it"),
    (b"url\n" + b"a,b\n" * 101, "a.csv", "has more rows than are read"),
    (b'{"url": 1}\n' * 101, "a.jsonl", "has more rows than are read"),
    (parquet({"url": ["a"] * 101}), "a.parquet", "has 101 rows: at most 100 are"),
], ids=["csv", "csv, all refused", "jsonl", "parquet"])  # fmt: skip
def test_more_rows_than_the_operator_allows_are_refused(monkeypatch, data, name, sentence):
    monkeypatch.setenv("HOVER_TABLE_ROWS", "100")

    with pytest.raises(TableError, match=f"{name} {sentence}"):
        read_table(data, name)


@pytest.mark.parametrize(("data", "name"), [
    (b"url\n" + b"x" * 30_000 + b"\n", "a.csv"),
    (b"\n".join(b'{"k%d": 1}' % n for n in range(60)), "keys.jsonl"),
    (parquet({f"c{n}": pa.nulls(1_000, pa.string()) for n in range(20)}), "nothing.parquet"),
    (parquet({f"c{n}": pa.nulls(1_000, pa.int8()) for n in range(20)}), "nothing.parquet"),
], ids=["a cell", "a key for each row", "empty texts", "missing numbers"])  # fmt: skip
def test_cells_count_also_where_they_are_empty(monkeypatch, data, name):
    monkeypatch.setenv("HOVER_TABLE_BYTES", "20000")

    with pytest.raises(TableError, match="unpacks to more than the 20,000 bytes that one file may take"):
        read_table(data, name)


@pytest.mark.parametrize(("data", "name", "sentence"), [
    (b",".join(b"c%d" % n for n in range(100_000)) + b"\n1\n", "a.csv", "has 100,000 columns: at most 10,000"),
    (parquet({f"c{n}": [1] for n in range(10_001)}), "a.parquet", "has 10,001 columns: at most 10,000"),
    (b'{%s}' % b",".join(b'"k%d": 1' % n for n in range(10_001)), "a.jsonl", "has 10,001 columns: at most 10,000"),
    (b"url\n" + b"x" * 16_500_000, "a.csv", "row 2: it has more than 16,000,000 characters"),
    (b"url,b\n1,2\n" + b'"' + b"x\n" * 5_500_000 + b'",1\n', "a.csv", "row 3: a cell has more than 10,000,000 char"),
    (b'{"a": 1}\n{"a": "' + b"x" * 16_500_000 + b'"}', "a.jsonl", "row 2: it has more than 16,000,000 characters"),
    (b'[{"a": 1}, {"a": "' + b"x" * 16_500_000, "a.json", "entry 2: it is no JSON, or has more than 16,000,000"),
    (b'[{"a": ' + b"[" * 100_000, "a.json", "entry 1: it is nested too deeply"),
    (b'[{"a": 1}, {"a": 2}] {"a": 3}', "a.json", "more follows after its end"),
    (b'[{"a": 1}]]', "a.json", "more follows after its end"),
    (b'[{"a": 1} {"a": 2}]', "a.json", "entry 1: a comma or the closing bracket is missing"),
    (b"url\n1\n" + b"x" * 5_000 + b"\x00\n", "a.parquet", "a.parquet is not a Parquet file that can be read"),
])  # fmt: skip
def test_a_file_that_no_table_looks_like_says_what_it_is(data, name, sentence):
    with pytest.raises(TableError, match=sentence):
        read_table(data, name)


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize(("entry", "reason"), [
    ('{"a": 1, "b": 2, "a": 3}', "the key “a” stands in it twice"),
    ('{"a": {"b": 1, "b": 2}}', "the key “b” stands in it twice"),
    ('{"a": ' + "9" * 5_000 + "}", "a number of 5,000 digits"),
])  # fmt: skip
def test_an_object_that_says_two_things_or_too_much_is_refused_by_row(form, entry, reason):
    lines = ['{"a": "x"}', entry, '{"a": "y"}']
    data = "\n".join(lines) if form == "jsonl" else f"[{', '.join(lines)}]"
    table = read_table(data.encode(), f"a.{form}")

    assert [(bad.row, reason in bad.reason) for bad in table.refused] == [(2, True)]
    assert (table.rows, table.frame["a"].tolist()) == ([1, 3], ["x", "y"])


def test_a_line_that_is_nested_too_deeply_is_refused_by_row():
    table = read_table(b'{"a": 1}\n{"a": ' + b"[" * 100_000 + b"\n", "a.jsonl")

    assert [(bad.row, bad.reason) for bad in table.refused] == [(2, "it is nested too deeply")]


def test_a_list_that_is_longer_than_what_is_read_at_a_time_is_read_whole():
    entries = ", ".join(f'{{"n": {n}, "t": "{"é" * (n % 50)}"}}' for n in range(40_000))
    table = read_table(f" \n[{entries} ] \n".encode(), "a.json")

    assert table.frame["n"].tolist() == [str(n) for n in range(40_000)]
    assert table.frame["t"].str.len().tolist() == [n % 50 for n in range(40_000)]


def test_columns_that_turn_up_late_are_empty_before():
    lines = ['{"a": 1}'] * 300_000 + ['{"b": 2}']
    table = read_table("\n".join(lines).encode(), "a.jsonl")

    assert table.frame.iloc[[0, 299_999, 300_000]].to_numpy().tolist() == [["1", ""], ["1", ""], ["", "2"]]


# vectors ------------------------------------------------------------------------------------------------------------


@linux
def test_zeros_that_were_squeezed_into_a_small_npz_file_are_refused_and_nobody_holds_them():
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 100)}"
    bomb = npz_of_parts({"vectors.npy": header(text)}, size=400_000_000)
    before = own_peak_mb()

    with pytest.raises(TableError, match="unpack to 400 MB, more than 100 times as much"):
        imported_vectors.read_vectors(bomb)
    assert len(bomb) < 4_000_000
    assert own_peak_mb() - before < 100


def test_vectors_that_unpack_to_more_than_the_operator_allows_are_refused(monkeypatch):
    bomb = npz_of_parts({"vectors.npy": b"", "ids.npy": b""}, size=200_000_000)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(4_000_000, np.float32)), 1_000)
    listed = parquet({"id": [str(n) for n in range(4_000)], "vector": lists.cast(pa.list_(pa.float32()))})
    wide = parquet({"id": ["a"] * 300_000, **{f"x{n}": np.zeros(300_000, np.float32) for n in range(10)}})
    monkeypatch.setenv("HOVER_TABLE_BYTES", "10000000")

    with pytest.raises(TableError, match="unpacked it has 400 MB: it unpacks to more than the 10 MB that one file may"):
        imported_vectors.read_vectors(bomb)
    for promise in (listed, wide, npz(ids=np.array(["a"] * 40_000), vectors=np.zeros((40_000, 80)))):
        with pytest.raises(TableError, match="unpacks to more than the 10 MB that one file may take"):
            imported_vectors.read_vectors(promise)


@pytest.mark.parametrize(("text", "sentence"), [
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 512)}", r"is 2,048,000 GB; there are 8 by"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}", r"says that its shape is \(-1, 2\)"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (1.5, 2)}", r"says that its shape is \(1.5, 2\)"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 2)}", r"says that its shape is \(True, 2\)"),
    ("{'descr': '<f4', 'fortran_order': 7, 'shape': (1, 2)}", "several fields"),
    ("{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (1,)}", "several fields"),
    ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "Python objects, which are not read"),
    ("{'descr': 'os.system', 'fortran_order': False, 'shape': (1,)}", "says that it is of 'os.system'"),
    ("{'descr': '<f4', 'shape': (1, 2)}", "something else than its type"),
    ("__import__('os').abort()", "cannot be read|damaged"),
    ("(" * 5_000 + ")" * 5_000, "cannot be read"),
    ("(" * 20_000, "20,000 characters: at most 10,000"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': " + "9" * 5_000 + "}", "cannot be read|damaged"),
])  # fmt: skip
def test_a_header_that_lies_is_a_sentence(text, sentence):
    data = npz_of_parts({"ids.npy": header(text) + bytes(8), "vectors.npy": header(text) + bytes(8)})

    with pytest.raises(TableError, match=sentence):
        imported_vectors.read_vectors(data)


def test_a_zip_directory_that_lies_is_a_sentence():
    data = npz(ids=np.array(["a", "b"]), vectors=np.zeros((2, 4), np.float32))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("vectors.npy").file_size
    lie = data.replace(size.to_bytes(4, "little"), (size - 16).to_bytes(4, "little"))

    with pytest.raises(TableError, match="the NPZ file is damaged"):
        imported_vectors.read_vectors(lie)


@pytest.mark.parametrize("change", [
    lambda vectors: vectors.astype(">f8"), np.asfortranarray, lambda vectors: np.asfortranarray(vectors, np.float16),
], ids=["big-endian", "columns first", "half precision, columns first"])  # fmt: skip
def test_vectors_in_any_order_of_numbers_and_bytes_are_the_same(change):
    vectors = np.random.default_rng(0).integers(-99, 99, (3_000, 700)).astype(np.float32)
    read = imported_vectors.read_vectors(npz(ids=np.arange(3_000), vectors=change(vectors), more=np.zeros((2, 2, 2))))

    np.testing.assert_array_equal(read.vectors, vectors)
    assert read.ids == [str(n) for n in range(3_000)]
    assert read.wrong == {}


def test_numbers_that_are_none_are_named_by_row_in_every_order():
    vectors = np.zeros((100, 3))
    vectors[7, 1], vectors[50, 2] = np.nan, 1e300
    for order in "CF":
        read = imported_vectors.read_vectors(npz(ids=np.arange(100), vectors=np.array(vectors, order=order)))

        assert sorted(read.wrong) == [7, 50]


# the child ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def frozen(monkeypatch):
    """A pool with one child that does nothing any more: it is stopped, and whoever gets it waits."""
    monkeypatch.setattr(foreign_files, "_pool", None)
    read_table(GOOD, "good.csv")
    [pid] = foreign_files.pids()
    os.kill(pid, signal.SIGSTOP)
    yield pid
    foreign_files._children().close()


def in_thread(act):
    """Run something beside; returns the thread and the list that its sentence will be in."""
    said: list[str] = []

    def run() -> None:
        try:
            act()
        except TableError as error:
            said.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


@linux
def test_a_child_that_the_system_ends_for_its_memory_is_a_sentence_and_others_read_meanwhile(frozen):
    thread, said = in_thread(lambda: read_table(GOOD * 100_000, "mine.jsonl"))
    while foreign_files._children()._idle:  # until it has the child that is stopped
        time.sleep(0.01)
    meanwhile = read_table(GOOD, "good.csv")
    os.kill(frozen, signal.SIGKILL)
    thread.join()

    assert said == [
        "mine.jsonl: it needs more memory than the 1 GB that reading it may take: split it, or save it as CSV"
    ]
    assert len(meanwhile.frame) == 1


@linux
@pytest.mark.usefixtures("frozen")
def test_a_file_that_is_not_read_in_time_is_a_sentence():
    limits = FileLimits(wall_s=0.3)

    with pytest.raises(TableError, match=r"good\.csv: it is not read within 0\.3 s"):
        foreign_files.collect("table", GOOD, "good.csv", limits, lambda header, buffer: None)


@linux
def test_a_file_that_takes_too_much_computing_is_a_sentence():
    data = GOOD + b"http://h/2,cat\n" * 2_000_000

    with pytest.raises(TableError, match=r"slow\.csv: it needs more than 0.65 s of computing to be read: split it"):
        foreign_files.collect("table", data, "slow.csv", FileLimits(cpu_s=0.5), lambda header, buffer: None)


@linux
def test_a_child_serves_one_file_after_another_and_knows_none_of_our_secrets(monkeypatch):
    monkeypatch.setenv("HOVER_OWNER_TOKEN", "a secret")
    monkeypatch.setattr(foreign_files, "_pool", None)
    read_table(GOOD * 400_000, "large.csv")
    children = foreign_files.pids()
    read_table(GOOD, "good.csv")

    assert set(foreign_files.pids()) == set(children)
    for pid in children:
        with open(f"/proc/{pid}/limits") as limits:
            text = limits.read()
        with open(f"/proc/{pid}/environ") as environment:
            assert "secret" not in environment.read()
        assert "Max file size             0 " in text
        assert "Max open files            32 " in text
        assert "Max address space         unlimited" not in text


def test_a_child_without_work_ends(monkeypatch):
    monkeypatch.setattr(foreign_files, "_pool", None)
    monkeypatch.setattr(foreign_files, "_IDLE_S", 0.1)
    read_table(GOOD, "good.csv")
    while foreign_files.pids():
        time.sleep(0.01)

    assert len(read_table(GOOD, "good.csv").frame) == 1


def test_without_limits_of_the_system_tables_are_read_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['resource'] = sys.modules['fcntl'] = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # what children get to import from
    monkeypatch.setattr(foreign_files, "_pool", None)
    monkeypatch.setenv("HOVER_TABLE_BYTES", "4000000000")
    bomb = parquet({f"c{n}": repeated("x" * 1_000, 1_000_000) for n in range(20)}, store_schema=False)

    assert len(read_table(GOOD, "good.csv").frame) == 1
    with pytest.raises(TableError, match="unpacks to more than the 4 GB"):
        read_table(bomb, "bomb.parquet")
    foreign_files._children().close()


# what a child answers that was taken over ---------------------------------------------------------------------------

LIAR = """
import json, os, sys
from hover_core.sandbox.confinement import ParentChannel

pipes = ParentChannel()
pipes.question()
pipes.send({"ready": 1}, b"")
pipes.sink.flush()
header, size = pipes.question()
pipes.source.read(size)
send = pipes.send
text = lambda *cells: (b"".join(n.to_bytes(4, "little") for n in cells[0]) + bytes(-4 * len(cells[0]) % 8)
                       + cells[1] + bytes(-len(cells[1]) % 8))
names = text([0, 1, 2], b"ab")
one = (1).to_bytes(8, "little")
ANSWER
pipes.sink.flush()
pipes.source.read()
"""


@pytest.fixture
def liar(tmp_path, monkeypatch):
    """A child of ours that answers as a test says."""
    pools = []

    def say(answer: str) -> None:
        (tmp_path / "liar.py").write_text(LIAR.replace("ANSWER", answer))
        monkeypatch.syspath_prepend(str(tmp_path))
        pools.append(Pool("liar", {}, most=1, wall_s=60, most_buffer=80_000_000))
        monkeypatch.setattr(foreign_files, "_pool", pools[-1])

    yield say
    for pool in pools:
        pool.close()


COLUMNS = 'send({"of": "columns", "rows": 2}, names)\n'


def decision(about: str, choices: str, sentence: str = "x") -> str:
    """Code that sends a decision."""
    texts = [about.encode(), sentence.encode(), b"", choices.encode()]
    packed = b"".join(file_blocks.block([file_blocks.PackedText(array("i", [0, len(t)]).tobytes(), t)]) for t in texts)
    return f'send({{"of": "decision", "rows": 1}}, {file_blocks.block([bytes([1])]) + packed!r})'


@pytest.mark.parametrize("answer", [
    "pipes.sink.write(b'\\xff' * 100)",
    "pipes.sink.write(b'\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00[]')",
    "pipes.sink.write(b'\\x88\\x13\\x00\\x00\\x00\\x00\\x00\\x00' + b'[' * 5000)",
    'send({"of": "columns", "rows": -1}, names)',
    'send({"of": "columns", "rows": 10**30}, names)',
    'send({"of": "columns", "rows": "2"}, names)',
    'send({"of": "columns", "rows": 2}, names[:-1])',
    'send({"of": "columns", "rows": 2}, names + bytes(8))',
    'send({"of": "columns", "rows": 2}, text([0, 2, 1], b"ab"))',
    'send({"of": "columns", "rows": 2}, text([0, 1, 200], b"ab"))',
    'send({"of": "columns", "rows": 2}, text([0, 1, 2], b"\\xff\\xfe"))',
    'send({"of": "columns", "rows": 2}, text([0, 1, 2], b"aa"))',
    'send({"of": "rows", "rows": 1, "columns": 1}, one + text([0, 1], b"a"))',
    COLUMNS + 'send({"of": "rows", "rows": 1, "columns": 3}, one + text([0, 1], b"a") * 3)',
    COLUMNS + 'send({"of": "rows", "rows": 1, "columns": 2}, one + text([0, 1], b"a"))',
    COLUMNS + 'send({"of": "pickle", "rows": 0}, b"")',
    COLUMNS + 'send({"of": "rows", "rows": 3000000, "columns": 1}, bytes(3000000 * 12 + 8))',
    'while True: send({"of": "refused", "rows": 0}, b"")',
    COLUMNS + decision("format", "[]"),
    COLUMNS + decision("header", "{}"),
    COLUMNS + decision("header", "[[1, 2]]"),
    COLUMNS + decision("header", '[["a"]]'),
    COLUMNS + decision("header", "[" * 20_000),
    COLUMNS + "for _ in range(300): " + decision("header", "[]"),
])  # fmt: skip
def test_an_answer_that_is_no_table_is_a_sentence(liar, monkeypatch, answer):
    monkeypatch.setattr(foreign_files, "limits", lambda: FileLimits(wall_s=5))
    liar(answer)

    with pytest.raises(
        TableError, match=r"good\.csv: (the process that reads it gave an answer|it is not read within)"
    ):
        read_table(GOOD, "good.csv")
    assert foreign_files.pids() == []


@linux
def test_an_answer_without_end_is_cut_off_at_what_a_table_may_take(liar, monkeypatch):
    monkeypatch.setenv("HOVER_TABLE_BYTES", "1000000")
    liar('big = 16_000_000\nwhile True: send({"of": "refused", "rows": 0}, bytes(8))\n')
    before = own_peak_mb()

    with pytest.raises(TableError, match="an answer that cannot be read"):
        read_table(GOOD, "good.csv")
    assert own_peak_mb() - before < 200


@pytest.mark.parametrize("answer", [
    'send({"end": 1}, b"")',
    'send({"of": "shape", "rows": 3, "width": 2}, b""); send({"end": 1}, b"")',
    'send({"of": "shape", "rows": 10**9, "width": 2}, b"")',
    'send({"of": "shape", "rows": 1000000, "width": 65536}, b"")',
    'send({"of": "vectors", "rows": 1}, bytes(8))',
    'send({"of": "shape", "rows": 1, "width": 2}, b"")\nsend({"of": "vectors", "rows": 2}, bytes(16))',
    'send({"of": "shape", "rows": 1, "width": 2}, b"")\nsend({"of": "column", "column": 5, "rows": 1}, bytes(8))',
    'send({"of": "shape", "rows": 1, "width": 2}, b"")\nsend({"of": "wrong", "rows": 1}, bytes([9]) + bytes(15))',
])  # fmt: skip
def test_an_answer_that_is_no_vectors_is_a_sentence(liar, answer):
    liar(answer)

    with pytest.raises(TableError, match="the process that reads"):
        imported_vectors.read_vectors(b"PAR1")


def test_a_decision_of_a_child_is_cut_and_clean_and_hides_passwords(liar):
    liar(COLUMNS + decision("header", "[]", "at https://me:secret@h/ " + "x" * 3_000) + '; send({"end": 1}, b"")')

    [said] = read_table(GOOD, "good.csv").decisions
    assert (len(said.sentence), said.sentence[:20]) == (1_000, "at https://…@h/ xxxx")


def test_words_of_a_child_are_cut_and_clean(liar):
    liar('send({"error": "table", "reason": "a\\x00b" * 5_000}, b"")')

    with pytest.raises(TableError) as said:
        read_table(GOOD, "good.csv")
    assert (len(str(said.value)), str(said.value)[:3]) == (2_000, "a\ufffdb")

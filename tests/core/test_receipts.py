"""What a job has fetched is known to the process that takes it up."""

from hover_core.receipts import Receipts

A, B = "a" * 64, "b" * 64


def test_receipts_outlive_their_process(tmp_path):
    before = Receipts(tmp_path / "7.fetched")
    before.add(0, A)
    before.add(12, B)

    assert Receipts(tmp_path / "7.fetched").read() == {0: A, 12: B}


def test_a_line_that_was_cut_off_is_none_and_spoils_none(tmp_path):
    (tmp_path / "7.fetched").write_bytes(f"\n3 {A}\n4 {B[:30]}".encode())
    after = Receipts(tmp_path / "7.fetched")
    after.add(5, B)

    assert after.read() == {3: A, 5: B}


def test_when_the_work_has_ended_none_are_left_and_none_come(tmp_path):
    receipts = Receipts(tmp_path / "7.fetched")
    receipts.add(0, A)

    receipts.discard()
    receipts.add(1, B)

    assert list(tmp_path.iterdir()) == []
    assert receipts.read() == {}


def test_without_a_file_nothing_is_kept():
    receipts = Receipts(None)
    receipts.add(0, A)

    assert receipts.read() == {}

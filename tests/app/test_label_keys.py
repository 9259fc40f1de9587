"""Which label the keys 1 to 9 give."""

from pages.components.label_keys import label_given, label_keys


def test_labels_have_the_keys_in_the_order_of_their_codes() -> None:
    assert label_keys(["wren", "robin"]) == [0, 1, -1, -1, -1, -1, -1, -1, -1]
    assert label_keys([f"bird {n}" for n in range(12)]) == [0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_a_label_that_is_a_digit_has_its_own_key_wherever_it_stands() -> None:
    assert label_keys([str(n) for n in range(10)]) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert label_keys([*(f"bird {n}" for n in range(10)), "2"]) == [0, 10, 1, 2, 3, 4, 5, 6, 7]


def test_zero_has_a_key_that_is_free() -> None:
    assert label_keys(["0", "1", "3", "12", "owl"]) == [1, 0, 2, 3, 4, -1, -1, -1, -1]


def test_what_the_browser_names_is_a_label_or_nothing() -> None:
    assert label_given(["0", "7"], 1) == "7"
    assert [label_given(["0", "7"], code) for code in (-1, 2, "1", None)] == ["", "", "", ""]

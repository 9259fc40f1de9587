"""Upload says what it decided, offers the alternative, and asks what it cannot know."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from hover_core.workspace.datasets import Datasets

Run = Callable[..., AppTest]
CYRILLIC = "url,label\nhttps://s.example/1.wav,собака\nhttps://s.example/2.wav,кошка\n".encode("cp1251")
LIST = b"https://s.example/1.wav\nhttps://s.example/2.wav\n"
COUNTED = b"id,url,label\n1,https://s.example/1.wav,dog\n2,https://s.example/2.wav,NA\n"


def alternatives(app: AppTest, about: str) -> list[str]:
    return [str(button.key) for button in app.button if str(button.key).startswith(f"upload.decide.{about}.")]


def test_an_encoding_that_cannot_be_known_is_asked_before_anything_is_added(run_as: Run, datasets: Datasets) -> None:
    app = run_as()
    app.file_uploader[0].upload("labels.csv", CYRILLIC)
    app.run()
    asked = alternatives(app, "encoding")

    assert len(asked) == 3
    assert app.button(key="upload.add").disabled

    app.button(key=next(key for key in asked if "cp1251" in key)).click().run()

    assert not app.button(key="upload.add").disabled
    assert list(app.dataframe[0].value["label"]) == ["собака", "кошка"]


def test_a_list_without_header_keeps_its_first_line_and_one_click_makes_it_a_header(
    run_as: Run, datasets: Datasets
) -> None:
    app = run_as()
    app.file_uploader[0].upload("list.csv", LIST)
    app.run()

    assert app.button(key="upload.add").label == "Add 2 clips"

    app.button(key=alternatives(app, "header")[0]).click().run()

    assert app.button(key="upload.add").label == "Add 1 clip"


def test_an_id_that_counts_rows_and_a_missing_label_are_said_with_their_alternatives(
    run_as: Run, datasets: Datasets
) -> None:
    app = run_as()
    app.file_uploader[0].upload("counted.csv", COUNTED)
    app.run()
    said = " ".join(str(part.value) for part in app.markdown)

    assert "“NA”" in said
    assert "“id” does not name clips" in said
    assert "**2 clips** · 1 labelled" in said

    app.button(key=alternatives(app, "missing:label")[0]).click().run()

    assert "**2 clips** · 2 labelled" in " ".join(str(part.value) for part in app.markdown)

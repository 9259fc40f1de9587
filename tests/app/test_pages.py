"""Promises of the pages that need no browser."""

import io
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from hover_core.analysis import maps
from hover_core.data.people import ANNOTATOR, LOCAL_OWNER, Person
from hover_core.jobs import queue
from hover_core.store import members, vector_rows
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.components.labelling import actions
from pages.server import identity, map_codec
from tests import sounds
from tests.app.conftest import FRAME

OWNER_PAGES = ["owner/upload.py", "owner/split.py", "owner/vectorize.py", "owner/share.py", "owner/export.py"]
Run = Callable[[Person | None], AppTest]


def _text(app: AppTest) -> str:
    elements = [
        *app.markdown,
        *app.caption,
        *app.info,
        *app.error,
        *app.success,
        *app.warning,
        *app.title,
        *app.subheader,
    ]
    return "\n".join(str(element.value) for element in elements)


def test_nobody_sees_only_a_sentence_that_says_where_the_link_is(run_as: Run, mapped: Dataset) -> None:
    app = run_as(None)

    assert not app.exception
    assert "This app is locked" in _text(app)
    assert "printed on its console" in _text(app)
    assert "birds" not in _text(app)


def test_an_annotator_lands_on_label(run_as: Run, mapped: Dataset) -> None:
    app = run_as(Person("Mira", ANNOTATOR, mapped.id))

    assert not app.exception
    assert "Nothing selected" in _text(app)
    assert "You are Mira" in _text(app)


def test_archived_datasets_can_be_taken_out_again_when_no_other_is_left(run_as: Run, mapped: Dataset) -> None:
    mapped.resources.new("owls").archive()
    app = run_as()
    app.button(key="frame.archive").click().run()

    assert [toast.value for toast in app.toast] == [
        "“birds” is in the archive. Open the dataset menu at the top to take it out."
    ]
    assert mapped.resources.rows() == []
    app.selectbox(key="frame.unarchive").select(mapped.id).run()

    assert not app.exception
    assert [toast.value for toast in app.toast] == ["“birds” is out of the archive."]
    assert [row.id for row in mapped.resources.rows()] == [mapped.id]
    assert app.text_input(key=f"frame.name.{mapped.id}.birds").value == "birds"


@pytest.mark.parametrize("page", OWNER_PAGES)
def test_an_annotator_cannot_open_the_owners_pages(run_as: Run, mapped: Dataset, page: str) -> None:
    app = run_as(Person("Mira", ANNOTATOR, mapped.id))

    with pytest.raises(ValueError, match="page"):
        app.switch_page(page).run()


def test_an_annotator_of_another_dataset_sees_nothing_of_this_one(
    run_as: Run, mapped: Dataset, datasets: Datasets
) -> None:
    other = datasets.new("whales")

    app = run_as(Person("Jon", ANNOTATOR, other.id))

    assert "birds" not in _text(app)
    assert "still preparing" in _text(app)


@pytest.mark.parametrize("page", [*OWNER_PAGES, "annotator/label.py"])
def test_every_page_of_an_empty_app_says_what_to_do_next(run_as: Run, datasets: Datasets, page: str) -> None:
    app = run_as(LOCAL_OWNER)

    app.switch_page(page).run()

    assert not app.exception
    assert "There are no clips yet" in _text(app) or "A table with one row a clip" in _text(app)


@pytest.mark.parametrize("page", [*OWNER_PAGES, "annotator/label.py"])
def test_every_page_of_a_mapped_dataset_runs(run_as: Run, mapped: Dataset, page: str) -> None:
    app = run_as(LOCAL_OWNER)

    app.switch_page(page).run()

    assert not app.exception
    assert not app.error


def test_the_upload_page_says_beforehand_what_will_happen(run_as: Run, datasets: Datasets) -> None:
    rows = pd.DataFrame(
        {
            "audio": ["demo:d0001.ogg", "demo:d0001.ogg", "ftp://x/y.wav", "demo:d0002.ogg"],
            "label": ["one", "one", "two", "two"],
            "SUBSET": ["raw", "test", "raw", "raw"],
        }
    )
    app = run_as(LOCAL_OWNER)

    app.file_uploader[0].upload("clips.csv", rows.to_csv(index=False).encode())
    app.run()

    assert not app.exception
    said = _text(app)
    assert "**2 clips**" in said
    assert "1 duplicate (" in said
    assert "**1 row refused**" in said
    assert "Set them aside as a reference" in app.radio[0].options[1]
    refused = app.dataframe[1].value
    assert list(refused["row"]) == [4]
    assert "ftp:" in refused["why"][0]


def test_the_upload_page_counts_the_clips_that_come_in_and_not_the_rows(run_as: Run, datasets: Datasets) -> None:
    app = run_as(LOCAL_OWNER)
    rows = b"audio,label\ndemo:d0001.ogg,one\ndemo:d0001.ogg,nine\ndemo:d0001.ogg,one\nftp://x/y.wav,two\n"

    app.file_uploader[0].upload("clips.csv", rows)
    app.run()

    assert app.radio[0].label == "1 raw clip has a label"
    assert "2 duplicates (the same clip twice counts once; 1 of them with another label)" in _text(app)
    assert "the label “one” wins over “nine”" in app.dataframe[2].value["why"][0]


def test_the_upload_page_says_beforehand_which_labels_will_change(run_as: Run, mapped: Dataset) -> None:
    mapped.annotate([0, 1, 2], "robin", how="heard")
    table = b"audio,label,SUBSET\ndemo:d0000.ogg,wren,train\ndemo:d0001.ogg,wren,test\ndemo:d0002.ogg,,train\n"
    app = run_as(LOCAL_OWNER)

    app.file_uploader[0].upload("clips.csv", table)
    app.run()

    assert "3 are in the dataset already · 1 will move to another subset · **2 labels will change**" in _text(app)


def test_a_table_of_relative_addresses_asks_for_their_base(run_as: Run, datasets: Datasets) -> None:
    app = run_as(LOCAL_OWNER)

    app.file_uploader[0].upload("clips.csv", b"audio,SUBSET\na.wav,raw\nb.wav,raw\n")
    app.run()

    assert "**0 clips** · 0 labelled · **2 rows refused**" in _text(app)
    assert (app.button(key="upload.add").label, app.button(key="upload.add").disabled) == ("Give a base address", True)


@pytest.mark.parametrize("host", ["[fd00:ec2::254]", "2852039166"])
def test_upload_does_not_offer_to_allow_a_clouds_metadata_server(
    run_as: Run, datasets: Datasets, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    app = run_as(LOCAL_OWNER)

    app.file_uploader[0].upload("clips.csv", f"audio\nhttp://{host}/a.wav\n".encode())
    app.run()

    assert not any(button.key == "upload.allow" for button in app.button)
    assert "only the operator of this app can allow it" in app.warning[0].value


def test_upload_shows_no_password_of_an_address_that_it_refuses(run_as: Run, datasets: Datasets) -> None:
    app = run_as(LOCAL_OWNER)

    app.file_uploader[0].upload("clips.csv", b"audio,label\nhttps://me:s3cret@h/1.wav,dog\ndemo:d0001.ogg,one\n")
    app.run()

    refused = app.dataframe[1].value
    assert refused[["row", "value"]].to_numpy().tolist() == [[2, "https://…@h/1.wav"]]
    assert refused["why"][0].startswith("the address contains a user name or password: take it out")
    assert app.button(key="upload.add").label == "Add 1 clip"


def test_a_table_in_which_no_name_says_where_the_addresses_are_shows_its_rows(run_as: Run) -> None:
    app = run_as(LOCAL_OWNER)
    app.file_uploader[0].upload("birds.csv", b"Tier,Ort\nwren,Ulm\n")
    app.run()

    assert "Choose the column that holds the addresses" in app.info[0].value
    assert app.dataframe[0].value.to_numpy().tolist() == [["wren", "Ulm"]]


def test_the_demo_can_be_put_away_for_another_table(run_as: Run) -> None:
    app = run_as(LOCAL_OWNER)
    app.button(key="upload.demo").click().run()
    assert not app.file_uploader
    assert app.button(key="upload.add").label == "Add 600 clips"

    app.button(key="upload.back").click().run()

    assert len(app.file_uploader) == 1


def test_a_spreadsheet_is_asked_for_as_csv(run_as: Run) -> None:
    app = run_as(LOCAL_OWNER)
    app.file_uploader[0].upload("clips.xlsx", b"PK\x03\x04\x14\x00\x06\x00")
    app.run()

    assert "save it as CSV" in app.error[0].value


def test_a_table_that_unpacks_to_20_gb_is_one_sentence_and_the_next_is_read(
    run_as: Run, datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOVER_TABLE_BYTES", "4000000000")
    once = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, np.int32)), pa.array(["x" * 1_000]))
    bomb = io.BytesIO()
    pq.write_table(pa.table({f"c{number}": once for number in range(20)}), bomb, store_schema=False)
    app = run_as(LOCAL_OWNER)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    app.file_uploader[0].upload("bomb.parquet", bomb.getvalue())
    app.run()
    assert not app.exception
    assert "unpacks to more than the 4 GB that one file may take" in app.error[0].value
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    app.file_uploader[0].upload("digits.csv", b"audio,label\ndemo:d0001.ogg,one\n")
    app.run()

    assert not app.error
    assert app.button(key="upload.add").label == "Add 1 clip"


def test_vectors_whose_header_lies_are_one_sentence(run_as: Run, mapped: Dataset) -> None:
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 512)}"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("vectors.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(8))
    app = run_as(LOCAL_OWNER).switch_page("owner/vectorize.py").run()

    app.file_uploader[0].upload("own.npz", file.getvalue())
    app.run()

    assert not app.exception
    assert "says that its shape is" in app.error[0].value


def test_adding_a_table_makes_a_dataset_of_its_name(run_as: Run, datasets: Datasets) -> None:
    app = run_as(LOCAL_OWNER)
    app.file_uploader[0].upload("digits.csv", b"audio,label\ndemo:d0001.ogg,one\ndemo:d0002.ogg,two\n")
    app.run()

    app.button(key="upload.add").click().run()

    assert [(row.name, row.size) for row in datasets.rows()] == [("digits", 2)]
    assert "2 clips added" in _text(app)


def test_a_new_dataset_keeps_the_name_that_its_table_gives_it(run_as: Run, mapped: Dataset, datasets: Datasets) -> None:
    app = run_as(LOCAL_OWNER)
    app.button(key="frame.new").click().run()
    app.file_uploader[0].upload("digits.csv", b"audio,label\ndemo:d0001.ogg,one\n")
    app.run()
    app.button(key="upload.add").click().run()

    app.run()

    assert [row.name for row in datasets.rows()] == ["digits", "birds"]


def test_what_another_tab_renames_is_not_named_back_by_the_menu(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    mapped.rename("owls")

    app.run()
    assert mapped.store.dataset(mapped.id).name == "owls"
    app.text_input(key=f"frame.name.{mapped.id}.owls").set_value(" eagle owls ").run()

    assert not app.exception
    assert mapped.store.dataset(mapped.id).name == "eagle owls"


def test_a_table_that_cannot_be_read_is_one_sentence(run_as: Run, datasets: Datasets) -> None:
    app = run_as(LOCAL_OWNER)

    app.file_uploader[0].upload("x.csv", b"\x00\x01\x02binary")
    app.run()

    assert not app.exception
    assert "not a text table" in app.error[0].value


def test_split_by_shares_moves_the_clips_and_undo_brings_them_back(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/split.py").run()
    app.get_by_key("split.how").set_value("By shares").run()

    app.button(key="split.apply").click().run()
    after = mapped.state().population()
    app.button(key="split.undo").click().run()

    assert not app.exception
    assert sum(counts["test"] for counts in after.values()) == 4
    assert sum(counts["train"] for counts in mapped.state().population().values()) == 10


def test_split_says_which_shares_the_groups_do_not_let_it_meet(run_as: Run, mapped: Dataset) -> None:
    with mapped.store.write() as connection:
        connection.execute(text("UPDATE clips SET group_name = CASE WHEN position < 37 THEN 'ann' ELSE 'bob' END"))
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/split.py").run()
    app.get_by_key("split.how").set_value("By shares").run()

    (said,) = [box.value for box in app.warning]
    assert "test gets 0 clips (0 %) instead of 10 %" in said
    assert "groups are too large" in said


def test_the_export_page_shows_the_rows_that_it_downloads(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)

    app.switch_page("owner/export.py").run()

    assert list(app.dataframe[0].value["label"]) == ["wren"] * 8
    assert "40 rows" in app.get("download_button")[0].label


def test_the_export_leaves_out_the_labels_that_are_not_chosen(run_as: Run, mapped: Dataset) -> None:
    mapped.annotate([20, 21], "robin", how="lasso")
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/export.py").run()
    pills = next(control for control in app.button_group if str(control.key).startswith("export.hows."))
    assert pills.options == ["from a lasso 2", "imported 10"]
    assert "2 labelled clips are still raw" in _text(app)

    app.segmented_control(key="export.rows").set_value("Only labelled").run()
    pills.set_value(["lasso"]).run()

    assert not app.exception
    assert list(app.dataframe[0].value["label"]) == ["robin", "robin"]
    assert app.get("download_button")[0].label.startswith("Download 2 rows")


def test_a_clip_that_failed_is_named_and_has_no_row_of_a_file(run_as: Run, mapped: Dataset) -> None:
    with mapped.store.write() as connection:
        vector_rows.add_failures(connection, mapped.id, mapped.vectorizer_key, {7: "HTTP 404"})
    app = run_as(LOCAL_OWNER)

    app.switch_page("owner/vectorize.py").run()

    (failed,) = [frame.value for frame in app.dataframe if "why" in frame.value]
    assert failed.to_dict("records") == [{"clip": "d0007.ogg", "address": "demo:d0007.ogg", "why": "HTTP 404"}]


def test_what_a_new_version_changed_is_shown_to_the_owner_until_they_have_read_it(run_as: Run, mapped: Dataset) -> None:
    mapped.change_settings(notices=["The label “a_b” is “a_b (2)” from now on."])
    token = mapped.invite("Mira")
    mira = members.person_behind(mapped.store, members.join(mapped.store, token))
    seen = [box.value for box in run_as(mira).warning]
    app = run_as(LOCAL_OWNER)
    shown = [box.value for box in app.warning]
    app.button(key="notices.dismiss").click().run()

    assert seen == []
    assert shown == [r"- The label “a\_b” is “a\_b \(2\)” from now on\."]
    assert not app.exception
    assert [box.value for box in app.warning] == []
    assert mapped.notices() == []


def test_a_lookalike_is_not_invited(run_as: Run, mapped: Dataset) -> None:
    mapped.invite("Mira")
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/share.py").run()

    app.text_input(key="share.name").set_value("M\u0456ra")
    next(button for button in app.button if button.label == "Make a link").click().run()

    assert not app.exception
    assert "looks like “Mira”" in app.error[0].value
    assert len(mapped.invites()) == 1


def test_an_invite_is_shown_once_as_a_link(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/share.py").run()

    app.text_input(key="share.name").set_value("Mira")
    next(button for button in app.button if button.label == "Make a link").click().run()

    assert not app.exception
    assert "/join?t=" in app.code[0].value
    assert [invite.name for invite in mapped.invites()] == ["Mira"]


def test_the_import_of_labels_can_be_undone_where_it_is_said(run_as: Run, datasets: Datasets) -> None:
    app = run_as(LOCAL_OWNER)
    app.file_uploader[0].upload("digits.csv", b"audio,label\ndemo:d0001.ogg,one\ndemo:d0002.ogg,two\n")
    app.run()
    app.button(key="upload.add").click().run()

    app.button(key="upload.undo").click().run()

    assert not app.exception
    state = datasets.open(datasets.rows()[0].id).state()
    assert (state.label == -1).all()


def test_a_link_that_was_made_for_one_dataset_is_not_shown_on_another(
    run_as: Run, mapped: Dataset, datasets: Datasets
) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/share.py").run()
    next(button for button in app.button if button.label == "Make a link").click().run()
    assert app.code
    other = datasets.new("whales")
    with other.store.write() as connection:
        from hover_core.data.clips import Clip
        from hover_core.store import clip_rows

        clip_rows.add_clips(connection, other.id, [Clip("x", "demo:d0001.ogg")])

    app.query_params["dataset"] = other.id
    app.run()

    assert not app.code


def test_who_was_revoked_writes_nothing_from_an_open_tab(run_as: Run, mapped: Dataset) -> None:
    app = run_as(Person("Mira", ANNOTATOR, mapped.id))
    labelling = app.session_state["label.states"][mapped.id]
    labelling.selection.positions, labelling.label = np.arange(20, 25), "robin"
    app.run()
    assert "as “robin”" in app.button(key="label.apply").label

    identity.seam = lambda: None
    app.button(key="label.apply").click().run()

    assert "robin" not in mapped.state().names
    assert "This app is locked" in _text(app)


def test_a_guest_whose_invite_has_ended_is_told_so_and_can_leave(
    run_as: Run, mapped: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = members.join(mapped.store, mapped.invite("Mira"))
    mapped.revoke(mapped.invites()[0].id)
    monkeypatch.setattr(identity, "_cookies", lambda: {identity.COOKIE: cookie})
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    monkeypatch.setattr(identity, "_direct", lambda headers: True)

    app = AppTest.from_file(str(FRAME), default_timeout=30).run()

    assert not app.exception
    assert "Your invite has ended" in _text(app)
    assert "leave)" in _text(app)
    assert "birds" not in _text(app)


def test_undo_on_label_stops_before_imports_and_splits(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("annotator/label.py").run()

    app.button(key="label.undo").click().run()

    assert mapped.state().counts() == {"wren": 10}


# near-duplicates ------------------------------------------------------------------------------------------------------


@pytest.fixture
def doubled(mapped: Dataset) -> Dataset:
    """The mapped dataset, with the clips 3 and 20 known as one sound."""
    from hover_core.analysis import near_duplicates
    from hover_core.numerics.same_sound import groups_of
    from hover_core.store import near_duplicate_rows

    pairs = np.array([[3, 20]], np.int64)
    one = {"how": np.zeros(1, np.int8), "score": np.full(1, np.nan, np.float32), "numbers": np.zeros(3)}
    found = {"pairs": pairs, "group": groups_of(40, pairs), **one}
    near_duplicate_rows.keep(mapped.store, mapped.id, near_duplicates._made_of(mapped), found)
    return mapped


def test_split_says_how_many_clips_are_one_sound_and_whether_the_split_parts_them(
    run_as: Run, doubled: Dataset
) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/split.py").run()

    assert not app.exception
    assert "2 clips in 1 group with the same sound; 1 of them lies in more than one subset" in _text(app)
    assert "the same bytes" in _text(app)
    assert "d0003\\.ogg" in _text(app)


def test_split_looks_for_near_duplicates_by_itself(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    for _ in range(50):
        app.switch_page("owner/split.py").run()
        if "no two clips have the same sound" in _text(app):
            break
        time.sleep(0.1)

    assert "no two clips have the same sound" in _text(app)


def test_before_there_are_vectors_split_says_where_near_duplicates_come_from(run_as: Run, datasets: Datasets) -> None:
    from hover_core.data.clips import Clip
    from hover_core.tables.intake import Intake

    datasets.new("fresh").add(Intake(clips=[Clip("a", "http://host/a.wav")]))
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/split.py").run()

    assert "make the map, then come back" in _text(app)


def test_a_split_by_shares_keeps_near_duplicates_together_unless_told_otherwise(run_as: Run, doubled: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/split.py").run()
    app.segmented_control(key="split.how").set_value("By shares").run()
    assert app.toggle(key="split.near_duplicates").value
    app.button(key="split.apply").click().run()

    assert doubled.state().subset[3] == doubled.state().subset[20]


def test_one_switch_on_label_gives_the_label_to_near_duplicates_too(run_as: Run, doubled: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("annotator/label.py").run()
    labelling = app.session_state["label.states"][doubled.id]
    assert not app.toggle(key="label.near_duplicates").value
    labelling.selection.select(np.array([20]), "lasso", tell_map=True)
    actions.apply(labelling, "robin")
    assert doubled.state().label_names()[3] == "wren"

    app.toggle(key="label.near_duplicates").set_value(True).run()
    labelling.selection.select(np.array([20]), "lasso", tell_map=True)
    actions.apply(labelling, "owl")

    assert doubled.state().label_names()[[3, 20]].tolist() == ["owl", "owl"]
    assert "1 near-duplicate among them" in labelling.message


# blind annotators -----------------------------------------------------------------------------------------------------


def test_label_shows_a_blind_annotator_no_label_of_others(run_as: Run, mapped: Dataset) -> None:
    mapped.annotate([20, 21], "secret", how="lasso")
    app = run_as(Person("Mira", ANNOTATOR, mapped.id, blind=True))
    labelling = app.session_state["label.states"][mapped.id]
    labelling.selection.select(np.array([3, 20]), "lasso", tell_map=True)
    app.run()

    assert not app.exception
    assert "2 unlabelled" in _text(app)
    assert "wren" not in _text(app) + str(app.main)
    assert "secret" not in _text(app) + str(app.main)
    assert [box.options for box in app.selectbox if box.key != "label.words_in"] == [[]]


def test_labels_that_the_owner_offers_are_there_for_a_blind_annotator(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/share.py").run()
    app.multiselect(key="share.labels").set_value(["wren"])
    next(button for button in app.button if button.label == "Offer them").click().run()
    assert "Labels offered to blind annotators: 1" in str(app.main)
    blind = run_as(Person("Mira", ANNOTATOR, mapped.id, blind=True))

    assert not blind.exception
    assert [box.options for box in blind.selectbox if box.key != "label.words_in"] == [["wren"]]


def test_a_blind_invite_is_made_by_one_switch(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/share.py").run()
    app.text_input(key="share.name").set_value("Mira")
    app.toggle(key="share.blind").set_value(True)
    next(button for button in app.button if button.label == "Make a link").click().run()

    assert mapped.invites()[0].blind
    assert "blind · until" in _text(app)


def test_share_lists_everybody_who_came_or_labelled(run_as: Run, mapped: Dataset, datasets: Datasets) -> None:
    mapped.annotate([20], "robin", how="lasso")
    token = mapped.invite("Mira")
    for _ in range(2):
        members.join(mapped.store, token)
    mapped.invite("Jon")
    datasets.open(mapped.id, by=Person("Mira", ANNOTATOR, mapped.id)).annotate([21, 22, 23], "owl", how="lasso")
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/share.py").run()

    assert not app.exception
    rows = app.dataframe[0].value.iloc[:, :5].to_numpy().tolist()
    assert rows == [["Mira", "annotator", 3, 1, "2"], ["owner", "owner", 1, 1, ""]]
    assert "not used yet" in _text(app)
    assert "on 2 devices" in _text(app)


def _speakers(dataset: Dataset, *, labels: bool) -> None:
    """Two speakers far apart and two words near each other on the dataset of 40 clips."""
    from hover_core.store import clip_rows, vector_rows

    speakers, words = np.arange(40) % 2, np.arange(40) // 2 % 2
    draw = np.random.default_rng(0)
    voices, said = 40 * draw.normal(size=(2, 6)), 4 * draw.normal(size=(2, 6))
    vectors = voices[speakers] + said[words] + draw.normal(size=(40, 6))
    key = dataset.vectorizer_key
    with dataset.store.revise(dataset.id) as (connection, revision):
        clip_rows.set_groups(connection, dataset.id, [f"speaker {number}" for number in speakers])
        dataset.store.set_settings(connection, dataset.id, {"clips_revision": revision, "group_column": "speaker"})
        vector_rows.add_vectors(connection, dataset.id, key, list(range(40)), vectors.astype(np.float32))
    if labels:
        for word in range(2):
            dataset.annotate(np.flatnonzero(words == word), f"word {word}", how="heard")
    maps.embed(dataset, key, "pca")


def test_map_says_what_it_is_made_of_and_mends_it(run_as: Run, mapped: Dataset) -> None:
    _speakers(mapped, labels=True)
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/vectorize.py").run()
    before = _text(app)

    app.get_by_key("vectorize.mend").click().run()
    for _ in range(300):
        job = queue.tend(mapped)
        if job is None or not job.running:
            break
        time.sleep(0.1)
    app.run()

    assert not app.exception
    assert "Clips lie near others of the same speaker (**100 %**) more than near others with the same label" in before
    assert "without speaker differences, " in before
    assert mapped.embedding().settings["per_group"] is True
    now = _text(app)
    assert "of the same speaker (**0 %**) less than near others with the same label (**100 %**)." in now
    assert "Map and search leave out speaker differences." in now
    assert [button for button in app.button if button.key == "vectorize.mend"] == []


def test_map_says_what_it_cannot_know_without_labels_or_groups(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/vectorize.py").run()
    neither = _text(app)
    _speakers(mapped, labels=False)
    app.run()

    assert "Label some clips, or choose a group column on Split, to see which clips lie together" in neither
    assert app.get_by_key("vectorize.mend").label == "Remove speaker differences and redraw"
    assert "Label some clips to compare this with the labels." in _text(app)


# the leak report ------------------------------------------------------------------------------------------------------


def test_split_says_in_one_sentence_what_the_leak_report_needs(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    for _ in range(50):
        app.switch_page("owner/split.py").run()
        if "leak report needs" in _text(app):
            break
        time.sleep(0.1)

    assert "needs 50 clips with labels, of two labels or more; there are 10" in _text(app)


@pytest.mark.parametrize("page", ["owner/split.py", "owner/export.py"])
def test_the_leak_report_is_on_split_and_in_the_export(run_as: Run, datasets: Datasets, page: str) -> None:
    from tests.core.analysis.test_leaks import planted

    planted(datasets, speakers=8, takes=6, voice=3.0, word=0.5)
    app = run_as(LOCAL_OWNER)
    for _ in range(50):
        app.switch_page(page).run()
        if "would flatter you" in _text(app):
            break
        time.sleep(0.1)

    assert not app.exception
    assert "with a random split your test set would flatter you" in _text(app)


def test_long_recordings_are_cut_into_clips(
    run_as: Run, datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    for number in range(3):
        (root / f"{number}.wav").write_bytes(sounds.encode(sounds.noise(12, 8_000, seed=number), 8_000))
    (root / "page.wav").write_bytes(b"<html>Sign in")
    monkeypatch.setenv("HOVER_AUDIO_ROOT", str(root))
    app = run_as()
    app.button(key="upload.folder").click().run()
    way = next(control for control in app.segmented_control if str(control.key).startswith("upload.cut."))
    way.set_value("fixed").run()

    assert app.button(key="upload.add").label == "Cut 4 recordings and add the clips"
    app.button(key="upload.add").click().run()
    [row] = datasets.rows()
    dataset = datasets.open(row.id)
    deadline = time.monotonic() + 60
    while queue.tend(dataset).running and time.monotonic() < deadline:
        time.sleep(0.1)
    app.run()

    assert [element.value for element in app.success] == ["9 clips cut from 3 recordings"]
    assert app.expander[0].label == "1 recording could not be cut"
    assert dataset.row.size == 9


def test_a_map_of_three_dimensions_is_asked_for_on_the_page(run_as: Run, mapped: Dataset) -> None:
    app = run_as(LOCAL_OWNER)
    app.switch_page("owner/vectorize.py").run()
    assert app.get_by_key("vectorize.reducer").options[:2] == ["UMAP", "PCA"]

    assert (app.get_by_key("vectorize.dimension").min, app.get_by_key("vectorize.dimension").max) == (2, 10)
    app.get_by_key("vectorize.dimension").set_value(3).run()
    app.get_by_key("vectorize.start").click().run()

    job = queue.tend(mapped)
    assert job is not None
    assert (job.settings["reducer"], job.settings["options"]["dimension"], job.settings["draw"]) == ("umap", 3, "again")
    for _ in range(600):
        job = queue.tend(mapped)
        assert job is not None
        if not job.running:
            break
        time.sleep(0.1)
    embedding = mapped.embedding()
    assert job.state == "done", job.progress
    assert embedding is not None
    assert [axis["title"] for axis in map_codec.axes(embedding)][:3] == ["UMAP 1", "UMAP 2", "UMAP 3"]

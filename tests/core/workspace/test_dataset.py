"""What can be done with a dataset, by whom, and what a table does to it."""

import inspect

import numpy as np
import pandas as pd
import pytest

from hover_core.analysis import maps
from hover_core.analysis.search import ranking
from hover_core.audio.segmentation import Cut
from hover_core.data.people import ANNOTATOR, Person
from hover_core.dataset import SupervisableAudioDataset
from hover_core.errors import NotAllowed, NotFound, Refused, TableError
from hover_core.exchange import imported_vectors
from hover_core.jobs import cut
from hover_core.store import vector_rows
from hover_core.store.database import Store
from hover_core.tables import intake as tables
from hover_core.tables.reading import foreign_files
from hover_core.tables.rows import frame_table
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets

# who may do what ------------------------------------------------------------------------------------------------------

READS = {
    "row", "name", "state", "clips", "batches", "plan", "proposed_split", "vectors", "failures", "vectorizer_key",
    "embeddings", "embedding", "coordinates", "index", "near", "clips_revision",
    "near_duplicates", "has_groups", "names", "sounds", "offered_labels",
    "titles", "visible", "own_ids",
}  # fmt: skip
ANNOTATOR_WRITES = {
    "annotate": lambda dataset: dataset.annotate([0], "dog", how="lasso"),
    "clear": lambda dataset: dataset.clear([0], how="lasso"),
    "undo": lambda dataset: dataset.undo(1),
    "undo_last": lambda dataset: dataset.undo_last(),
}
OWNER_WRITES = {
    "add": lambda dataset: dataset.add(tables.Intake()),
    "forecast": lambda dataset: dataset.forecast(tables.Intake()),
    "commit": lambda dataset: dataset.commit([0], "train"),
    "split": lambda dataset: dataset.split({"train": 1}),
    "group_by": lambda dataset: dataset.group_by(None),
    "change_settings": lambda dataset: dataset.change_settings(x=1),
    "rename": lambda dataset: dataset.rename("other"),
    "archive": lambda dataset: dataset.archive(),
    "invite": lambda dataset: dataset.invite("Ann"),
    "invites": lambda dataset: dataset.invites(),
    "notices": lambda dataset: dataset.notices(),
    "dismiss_notices": lambda dataset: dataset.dismiss_notices(),
    "offer_labels": lambda dataset: dataset.offer_labels(["dog"]),
    "guest_columns": lambda dataset: dataset.guest_columns(),
    "show_to_guests": lambda dataset: dataset.show_to_guests({"x": True}),
    "revoke": lambda dataset: dataset.revoke(1),
    "normalise_per_group": lambda dataset: dataset.normalise_per_group(on=True),
}
OWNER_FUNCTIONS = {
    "add_cut": lambda dataset: cut.cut_here(dataset, tables.Intake(), Cut(length_s=5)),
    "embed": lambda dataset: maps.embed(dataset, "v", "pca"),
    "place": lambda dataset: maps.place_new(dataset),
    "add_vectors": lambda dataset: imported_vectors.import_vectors(dataset, {}, name="x"),
}


def test_every_method_is_known_to_read_or_to_write():
    methods = {name for name, _ in inspect.getmembers(Dataset) if not name.startswith("_")}

    assert methods == READS | set(ANNOTATOR_WRITES) | set(OWNER_WRITES)


@pytest.mark.parametrize("write", [*OWNER_WRITES, *OWNER_FUNCTIONS])
def test_an_annotator_cannot(dataset, write):
    theirs = Dataset(dataset.resources, dataset.id, Person("Ann", ANNOTATOR, dataset.id))

    with pytest.raises(NotAllowed, match="Ann: only the owner"):
        (OWNER_WRITES | OWNER_FUNCTIONS)[write](theirs)
    assert (dataset.row.revision, dataset.name, dataset.invites()) == (1, "ten", [])


@pytest.mark.parametrize("write", [*OWNER_WRITES, *ANNOTATOR_WRITES])
def test_an_annotator_of_another_dataset_cannot(dataset, write):
    dataset.annotate([0], "dog", how="lasso")
    theirs = Dataset(dataset.resources, dataset.id, Person("owner", ANNOTATOR, "another"))

    with pytest.raises(NotAllowed):
        {**OWNER_WRITES, **ANNOTATOR_WRITES}[write](theirs)
    assert dataset.row.revision == 2


def test_a_dataset_opens_only_for_its_people(dataset):
    with pytest.raises(NotAllowed):
        dataset.resources.open(dataset.id, by=Person("Ann", ANNOTATOR, "another"))
    with pytest.raises(NotAllowed):
        dataset.resources.new("mine", by=Person("Ann", ANNOTATOR, dataset.id))
    assert dataset.resources.rows(Person("Ann", ANNOTATOR, "another")) == []
    assert [row.id for row in dataset.resources.rows(Person("Ann", ANNOTATOR, dataset.id))] == [dataset.id]


def test_an_annotator_undoes_their_own_and_the_owner_everybodys(dataset):
    ann = dataset.resources.open(dataset.id, by=Person("Ann", ANNOTATOR, dataset.id))
    ben = dataset.resources.open(dataset.id, by=Person("Ben", ANNOTATOR, dataset.id))
    batch = ann.annotate([0], "dog", how="lasso").batch_id

    with pytest.raises(NotAllowed, match="done by Ann"):
        ben.undo(batch)
    assert ben.undo_last() is None
    assert dataset.undo(batch).changed == 1


def test_undo_last_goes_back_step_by_step(dataset):
    for position in range(3):
        dataset.annotate([position], "dog", how="lasso")
    taken = [dataset.undo_last()[1].changed for _ in range(3)]

    assert taken == [1, 1, 1]
    assert dataset.undo_last() is None


# labels and subsets ---------------------------------------------------------------------------------------------------


def test_a_label_of_a_table_and_one_typed_with_other_spaces_are_one(dataset):
    add(dataset, "url,label\nhttp://new/1,great  tit\n")
    dataset.annotate([0], " great tit", how="lasso")

    assert dataset.state().counts() == {"great tit": 2}


def test_only_labelled_raw_clips_are_committed(dataset):
    dataset.annotate([0, 1], "dog", how="lasso")
    dataset.commit([1], "dev")
    written = dataset.commit([0, 1, 2], "train")

    assert (written.changed, written.left) == (1, 2)
    assert dataset.state().subset.tolist()[:3] == [1, 2, 0]


@pytest.mark.parametrize("subset", ["raw", "val", ""])
def test_nothing_is_committed_to_what_is_no_stage(dataset, subset):
    with pytest.raises(Refused, match="use train, dev or test"):
        dataset.commit([0], subset)


def test_committing_no_clip_is_refused(dataset):
    with pytest.raises(Refused, match="position 10 is no clip"):
        dataset.commit([10], "train")


def test_one_undo_takes_a_split_back(dataset):
    written = dataset.split({"train": 1, "dev": 1})
    split = dataset.state().subset.tolist()
    dataset.undo(written.batch_id)

    assert sorted(split) == [1] * 5 + [2] * 5
    assert dataset.state().subset.tolist() == [0] * 10


def test_groups_come_from_a_column_of_the_table(datasets):
    dataset = add(datasets.new("x"), "url,who\nhttp://h/1,ann\nhttp://h/2,ben\n")
    dataset.group_by("who")
    grouped = dataset.clips()["group_name"].tolist()
    dataset.group_by(None)

    assert grouped == ["ann", "ben"]
    assert dataset.clips()["group_name"].tolist() == ["", ""]


def test_the_tables_own_group_column_can_be_taken_again(datasets):
    dataset = add(datasets.new("x"), "url,group\nhttp://h/1,ann\nhttp://h/2,\n")
    dataset.group_by(None)
    dataset.group_by("group")

    assert dataset.clips()["group_name"].tolist() == ["ann", ""]


def test_the_first_table_says_what_its_groups_are_called(datasets):
    dataset = add(datasets.new("x"), "url,speaker\nhttp://h/1,ann\n")
    assert dataset.row.settings["group_column"] == "speaker"

    add(dataset, "url,recording\nhttp://h/2,tape\n")
    assert dataset.row.settings["group_column"] == "speaker"
    assert dataset.clips()["group_name"].tolist() == ["ann", "tape"]


def test_a_column_that_is_not_there_takes_no_group_away(datasets):
    dataset = add(datasets.new("x"), "url,group\nhttp://h/1,ann\n")

    with pytest.raises(Refused, match="no column “who”"):
        dataset.group_by("who")
    assert dataset.clips()["group_name"].tolist() == ["ann"]


# tables ---------------------------------------------------------------------------------------------------------------


def add(dataset, data, **options):
    table = foreign_files.read_table(data.encode(), "t.csv")
    dataset.add(dataset.plan(table, tables.guess_columns(list(table.frame.columns)), **options))
    return dataset


def added(dataset, data, **options):
    table = foreign_files.read_table(data.encode(), "t.csv")
    found = dataset.add(dataset.plan(table, tables.guess_columns(list(table.frame.columns)), **options))
    return found.new, found.known, found.moved, found.labelled, found.columns_added


TABLE = "url,SUBSET,label,note\nhttp://h/1,raw,dog,a\nhttp://h/2,test,cat,b\nhttp://h/3,raw,,c\n"


def test_the_same_table_twice_adds_nothing(datasets):
    dataset = datasets.new("x")
    first = added(dataset, TABLE)
    revision = dataset.row.revision
    again = added(dataset, TABLE)

    assert first == (3, 0, 0, 2, 0)
    assert again == (0, 3, 0, 0, 0)
    assert dataset.row.revision == revision


def test_a_table_is_one_revision(datasets):
    dataset = add(datasets.new("x"), TABLE)
    add(dataset, "url,SUBSET,label\nhttp://h/1,train,ant\nhttp://h/9,dev,ant\n")

    assert dataset.row.revision == 2


def test_a_table_that_fails_half_way_leaves_nothing(datasets):
    dataset = datasets.new("x")
    table = foreign_files.read_table(TABLE.encode(), "t.csv")
    intake = dataset.plan(table, tables.guess_columns(list(table.frame.columns)))
    intake.sources[intake.clips[0].clip_id] = ("ann", None, object())  # nothing that a database keeps

    with pytest.raises(Exception, match="bind"):
        dataset.add(intake)
    assert (dataset.row.size, dataset.row.revision, dataset.state().names) == (0, 0, ())


def test_a_second_table_adds_clips_columns_and_moves(datasets):
    dataset = add(datasets.new("x"), TABLE)
    found = added(dataset, "url,SUBSET,label,note,more\nhttp://h/1,train,ant,z,m\nhttp://h/9,dev,ant,y,n\n")
    state = dataset.state()

    assert found == (1, 1, 1, 2, 1)
    assert state.label_names().tolist() == ["ant", "cat", "", "ant"]
    assert state.subset.tolist() == [1, 3, 0, 2]
    assert list(dataset.clips()["extra"][0].items()) == [("url", "http://h/1"), ("note", "a"), ("more", "m")]


def test_a_table_without_subsets_moves_nothing(datasets):
    dataset = add(datasets.new("x"), TABLE)
    add(dataset, "url,label\nhttp://h/2,cow\n")

    assert dataset.state().subset.tolist() == [0, 3, 0]


def test_an_empty_subset_cell_moves_nothing(datasets):
    dataset = add(datasets.new("x"), TABLE)
    add(dataset, "url,SUBSET\nhttp://h/2,\nhttp://h/3,dev\n")

    assert dataset.state().subset.tolist() == [0, 3, 2]


def test_one_undo_takes_back_the_labels_of_a_table(datasets):
    dataset = add(datasets.new("x"), TABLE)
    add(dataset, "url,label\nhttp://h/1,cow\nhttp://h/3,cow\n")
    dataset.undo_last()

    assert dataset.state().label_names().tolist() == ["dog", "cat", ""]


def test_label_codes_do_not_depend_on_the_order_of_rows(datasets):
    names = [
        add(datasets.new(name), f"url,label\nhttp://h/1,{first}\nhttp://h/2,{second}\n").state().names
        for name, first, second in (("x", "wolf", "ant"), ("y", "ant", "wolf"))
    ]

    assert names == [("ant", "wolf"), ("ant", "wolf")]


def test_labels_set_aside_are_no_labels(datasets):
    dataset = add(datasets.new("x"), TABLE, raw_labels="reference")

    assert dataset.state().label_names().tolist() == ["", "cat", ""]
    assert dataset.clips()["reference"].tolist() == ["dog", "", ""]


def test_presigned_links_are_one_clip_where_the_dataset_says_so(datasets):
    dataset = datasets.new("x", identity="no-query")
    add(dataset, "url\nhttp://h/1?signature=a\n")

    assert added(dataset, "url\nhttp://h/1?signature=b\n")[:2] == (0, 1)


def test_an_unknown_identity_is_refused(datasets):
    with pytest.raises(Refused, match="identity='host'"):
        datasets.new("x", identity="host")


# maps and search ------------------------------------------------------------------------------------------------------


def vectorized(dataset, n=10):
    vectors = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "v", range(n), vectors)
    dataset.change_settings(vectorizer="v")
    return vectors


def test_test_clips_do_not_shape_the_map(dataset):
    vectors = vectorized(dataset)
    maps.embed(dataset, "v", "pca")
    before = dataset.coordinates(dataset.embedding())
    dataset.split({"raw": 8, "test": 2})
    in_test = dataset.state().subset == 3
    vectors[in_test] = 1e6
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "v", range(10), vectors)
    maps.embed(dataset, "v", "pca")
    one = dataset.coordinates(dataset.embedding())
    vectors[in_test] = -1e6
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "v", range(10), vectors)
    maps.embed(dataset, "v", "pca")
    other = dataset.coordinates(dataset.embedding())

    assert in_test.sum() == 2
    assert np.isfinite(before).all()
    np.testing.assert_allclose(one[~in_test], other[~in_test], atol=1e-5)  # laid on one another, in float32
    assert one[in_test].tolist() != other[in_test].tolist()


def test_clips_without_a_vector_are_not_on_the_map(dataset):
    vectorized(dataset, 7)
    maps.embed(dataset, "v", "pca")

    assert np.isnan(dataset.coordinates(dataset.embedding())[:, 0]).tolist() == [False] * 7 + [True] * 3


def test_without_vectors_there_is_no_map(dataset):
    with pytest.raises(Refused, match="no clip has a vector yet"):
        maps.embed(dataset, "v", "pca")


def test_a_map_of_test_clips_alone_is_refused(dataset):
    vectorized(dataset)
    dataset.split({"test": 1})

    with pytest.raises(Refused, match="no clip of raw, train or dev has a vector"):
        maps.embed(dataset, "v", "pca")


def test_neighbours_of_a_clip_and_of_its_vector(dataset):
    vectors = vectorized(dataset)
    by_clip, _ = ranking.neighbours(dataset, 3, 4)
    by_vector, cosines = ranking.neighbours(dataset, vectors[3], 5)

    assert by_vector.tolist() == [3, *by_clip.tolist()]
    assert cosines[0] == pytest.approx(1)


def test_a_clip_without_a_vector_has_no_neighbours(dataset):
    vectorized(dataset, 5)

    with pytest.raises(NotFound, match="vector: vectorize first"):
        ranking.neighbours(dataset, 7)


def test_what_is_remembered_is_bounded_and_made_once():
    kept = Datasets.__new__(Datasets)
    Datasets.__init__(kept, store=object.__new__(Store))
    made = []
    for key in (1, 2, 1, 3, 2):
        kept.remember((key,), lambda key=key: made.append(key), at_most=2)

    assert made == [1, 2, 3, 2]


# the guide's form -----------------------------------------------------------------------------------------------------


@pytest.fixture
def from_pandas(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/guide.sqlite")
    yield lambda *args, **kwargs: SupervisableAudioDataset.from_pandas(*args, store=store, **kwargs)
    store.close()


def guide_table(n=6):
    return pd.DataFrame(
        {
            "audio": [f"http://h/{number}.wav" for number in range(n)],
            "label": [["dog", "cat"][number % 2] for number in range(n)],
            "SUBSET": ["raw", "raw", "train", "dev", "test", "test"][:n],
        }
    )


def test_a_table_becomes_four_frames(from_pandas):
    dfs = from_pandas(guide_table()).dfs

    assert {name: len(frame) for name, frame in dfs.items()} == {"raw": 2, "train": 1, "dev": 1, "test": 2}
    assert dfs["train"].drop(columns="id").to_dict("records") == [
        {"audio": "http://h/2.wav", "label": "dog", "SUBSET": "train", "position": 2, "reference": ""}
    ]
    assert dfs["raw"]["label"].tolist() == ["", ""]


def test_opening_the_same_table_again_keeps_what_people_did_since(from_pandas):
    first = from_pandas(guide_table())
    first.annotate([0, 1, 2], "cow", how="lasso")
    first.commit([0], "train")
    again = from_pandas(guide_table().sample(frac=1, random_state=0))

    assert again.id == first.id
    assert again.to_pandas()["label"].tolist() == ["cow", "cow", "cow", "cat", "dog", "cat"]
    assert again.to_pandas()["SUBSET"].tolist() == ["train", "raw", "train", "dev", "test", "test"]


def test_a_table_that_grew_opens_the_same_dataset_and_adds_what_is_new(from_pandas, capsys):
    first = from_pandas(guide_table(5))
    first.annotate([0], "cow", how="lasso")
    capsys.readouterr()
    again = from_pandas(guide_table(6))

    assert again.id == first.id
    assert again.to_pandas()["label"].tolist() == ["cow", "", "dog", "cat", "dog", "cat"]
    assert capsys.readouterr().out == f"“{first.name}”: 1 clips added, 5 known already, 1 labels imported\n"


def test_what_a_table_says_anew_is_followed_and_what_it_said_before_is_not(from_pandas):
    table = guide_table()
    first = from_pandas(table)
    first.annotate([2, 3], "cow", how="lasso")
    table.loc[3, "label"] = "horse"
    table.loc[4, "SUBSET"] = "train"
    table["loudness"] = range(6)
    whole = from_pandas(table).to_pandas()

    assert whole["label"].tolist() == ["", "", "cow", "horse", "dog", "cat"]
    assert whole["SUBSET"].tolist() == ["raw", "raw", "train", "dev", "train", "test"]
    assert whole["loudness"].tolist() == [0, 1, 2, 3, 4, 5]
    again = from_pandas(table)
    again.commit([0], "test")
    assert from_pandas(table).to_pandas()["SUBSET"].tolist()[4] == "train"


def test_a_table_of_other_clips_opens_another_dataset(from_pandas):
    other = guide_table()
    other["audio"] = other["audio"].str.replace("http://h/", "http://other/")

    assert from_pandas(other).id != from_pandas(guide_table()).id


def test_a_dataset_says_what_it_holds(from_pandas):
    dataset = from_pandas(guide_table(), name="animals")

    assert repr(dataset) == (
        "<SupervisableAudioDataset “animals”: 6 clips (2 raw, 1 train, 1 dev, 2 test), 4 labelled, 0 vectors, 0 maps>"
    )


def test_ids_of_a_dataset_that_was_made_with_them_name_its_clips_later_too(tmp_path):
    datasets = Datasets(Store(f"sqlite:///{tmp_path}/ids.sqlite"))
    dataset = datasets.new("ids")
    columns = tables.Columns("url", own_id="key")
    first = frame_table(pd.DataFrame({"key": ["a", "b"], "url": ["http://h/1", "http://h/2"]}))
    moved = frame_table(pd.DataFrame({"key": ["a", "c"], "url": ["http://new/1", "http://h/3"]}))
    dataset.add(dataset.plan(first, columns))
    plan = dataset.plan(moved, tables.Columns("url"))
    forecast = dataset.forecast(plan)
    added = dataset.add(plan)

    assert (forecast.known, forecast.elsewhere) == (1, 1)
    assert (added.new, added.known) == (1, 1)
    assert dataset.names([0])[0][1] == "http://h/1"
    datasets.close()


def test_new_clips_under_the_same_name_are_added(from_pandas):
    from_pandas(guide_table(4), name="mine")

    assert len(from_pandas(guide_table(6), name="mine").to_pandas()) == 6


def test_columns_may_have_any_name_type_and_index(from_pandas):
    frame = pd.DataFrame(
        {
            "recording": ["http://h/1", "http://h/1", "http://h/2"],
            "class": [1, np.nan, 2],
            "label": ["not this one", pd.NA, None],
            "SUBSET": ["train"] * 3,
            5: [1.5, None, 2],
        },
        index=[9, 9, 3],
    )
    whole = from_pandas(frame, "recording", "class").to_pandas()

    assert whole["recording"].tolist() == ["http://h/1", "http://h/2"]
    assert whole["class"].tolist() == ["1", "2"]
    assert whole["5"].tolist() == [1.5, 2.0]


def test_rows_that_are_no_clips_are_named_by_their_place(from_pandas):
    frame = guide_table()
    frame.loc[2, "audio"] = "ftp://h/2.wav"
    frame.loc[4, "SUBSET"] = "holdout"

    with pytest.raises(TableError, match=r"2 rows are no clips: row 2: .*ftp.*; row 4: .*holdout"):
        from_pandas(frame)


def test_a_missing_column_is_named(from_pandas):
    with pytest.raises(TableError, match="no column “audio”"):
        from_pandas(pd.DataFrame({"url": ["http://h/1"]}))


def test_what_a_callable_raises_or_returns_wrongly_is_the_clips_failure(from_pandas):
    answers = {0: [1.0, 2], 1: [[1.0]], 2: [np.nan, 1], 3: [1.0], 4: [3.0, 4]}

    def vectorizer(url):
        return answers[int(url[-5])]

    dataset = from_pandas(guide_table())
    key = dataset.vectorize(vectorizer)

    assert dataset.vectors(key)[0].tolist() == [0, 4]
    assert [failure.reason.split(":")[0] for failure in dataset.failures(key)] == [
        "the vectorizer returned an array of shape (1, 1)",
        "the vectorizer returned a vector with NaN or infinity",
        "the vectorizer returned 1 numbers, for other clips 2",
        "KeyError",
    ]


def test_a_callable_is_asked_once_for_each_clip_and_in_the_next_session_not_at_all(from_pandas):
    asked = []

    def vectorizer(url):
        asked.append(url)
        return [float(len(asked)), 1.0]

    vectorizer.hover_key = "mine-v1"
    from_pandas(guide_table()).vectorize(vectorizer)
    from_pandas(guide_table()).vectorize(vectorizer)

    assert len(asked) == 6


def test_an_interrupted_callable_keeps_what_it_has_done(from_pandas):
    def vectorizer(url):
        if url.endswith("3.wav"):
            raise KeyboardInterrupt
        return [1.0]

    dataset = from_pandas(guide_table())
    with pytest.raises(KeyboardInterrupt):
        dataset.vectorize(vectorizer)

    assert dataset.vectors(dataset.vectorizer_key)[0].tolist() == [0, 1, 2]

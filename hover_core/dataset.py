"""The dataset class for notebooks, in the form of hover's guide: `from_pandas`, `dfs`, `compute_nd_embedding`,
`neighbours`.

It adds to `workspace.Dataset` the methods that use packages above `workspace`: maps, search, imported vectors, cutting.
Nothing in `hover_core` imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hover_core.analysis import maps
from hover_core.analysis.search import query, ranking
from hover_core.analysis.search.query import PreparedQuery, Query
from hover_core.analysis.search.ranking import Ranking
from hover_core.data.arrays import Floats, Positions
from hover_core.data.clips import SUBSETS
from hover_core.data.credentials import mask_credentials
from hover_core.data.names import clean
from hover_core.errors import SoundError, TableError
from hover_core.exchange import imported_vectors, notebook_table
from hover_core.exchange.imported_vectors import Source
from hover_core.numerics.reducers import Progress, Reducer
from hover_core.store import vector_rows
from hover_core.store.database import Store
from hover_core.tables import rows
from hover_core.tables.columns import Columns
from hover_core.tables.intake import Intake, guess_columns, plan_intake
from hover_core.workspace import vector_keys
from hover_core.workspace.add_table import AddResult
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from hover_core.workspace.resources import Resources
from hover_core.workspace.vector_keys import DEFAULT_VECTORIZER, vectorizer_key

if TYPE_CHECKING:
    import pandas as pd

    from hover_core.audio.segmentation import Cut
    from hover_core.jobs.cut_settings import CutResult


class SupervisableAudioDataset(Dataset):
    """A dataset in the form of the guide: `from_pandas`, `dfs`, `compute_nd_embedding`.

    Attributes
    ----------
    feature_key, label_key : the names of the columns that hold the address and the label
    vectorizer : the name or callable of the last call of `vectorize`; None before the first
    """

    def __init__(
        self, resources: Resources, dataset_id: str, *, feature_key: str = "audio", label_key: str = "label"
    ) -> None:
        super().__init__(resources, dataset_id)
        self.feature_key = feature_key
        self.label_key = label_key
        self.vectorizer: Callable[[str], Any] | str | None = None

    @classmethod
    def from_pandas(
        cls,
        df: pd.DataFrame,
        feature_key: str = "audio",
        label_key: str = "label",
        *,
        name: str | None = None,
        raw_labels: str | None = None,
        store: Store | None = None,
    ) -> SupervisableAudioDataset:
        """A dataset of the clips in a table; the same clips again, and more, open the same dataset with all its labels.

        New clips and columns are added. Where the table says something else of a clip than it said last time, its label
        or its subset, that is followed; otherwise what people did since stays. One printed line says what was done.

        Parameters
        ----------
        df
            One row a clip. `feature_key` holds its URL, `label_key` its label (empty or `ABSTAIN`: none), `SUBSET` its
            subset (raw, train, dev or test; without that column all are raw).
        name
            Name of the dataset. Without one it is the notebook's dataset that holds most of these clips, if it holds
            at least half of them or they are at least half of its own; else a new one.
        raw_labels
            `keep` the labels of raw rows, or set them aside as `reference`. By default they are set aside, as hover
            does, unless the table says who gave them (it is an export of ours).

        Raises
        ------
        TableError
            The table has no column `feature_key`, or rows of it are no clips; the message names the first ten.
        """
        if feature_key not in df.columns:
            raise TableError(f"the table has no column “{feature_key}”: feature_key names the one with the URLs")
        table = rows.frame_table(df)
        columns = guess_columns(list(table.frame.columns))
        label = label_key if label_key in df.columns else ""
        roles = {role: column for role, column in columns.__dict__.items() if column not in (feature_key, label)}
        columns = Columns(**{**roles, "audio": feature_key, "label": label})
        if raw_labels is None:
            raw_labels = "keep" if columns.annotator and columns.how else "reference"
        datasets = Datasets(store)
        decisions = notebook_table.word_decisions(table, columns)
        options: dict[str, Any] = {"raw_labels": raw_labels, "local_folder": True, "decisions": decisions}
        draft = plan_intake(table, columns, **options)
        if draft.refused:
            reasons = "; ".join(f"row {bad.row - 2}: {bad.reason}" for bad in draft.refused[:10])
            no_clips = "1 row is no clip" if len(draft.refused) == 1 else f"{len(draft.refused):,} rows are no clips"
            raise TableError(f"{no_clips}: {reasons}")
        dataset_id = notebook_table.dataset_for(datasets, clean(name or ""), table, columns, draft, options)
        dataset = cls(datasets, dataset_id, feature_key=feature_key, label_key=label_key)
        intake = dataset.plan(table, columns, **options)
        notebook_table.leave_out_what_was_said_before(dataset, intake)
        added = dataset.add(intake)  # even without new clips: it records what the columns hold
        types = {str(column): str(kind) for column, kind in zip(df.columns, df.dtypes, strict=True)}
        dataset.change_settings(column_types={**dataset.row.settings.get("column_types", {}), **types})
        print(
            *[
                notebook_table.outcome(dataset, added, len(intake.duplicates)),
                *(decision.sentence for decision in decisions),
            ],
            sep="\n",
        )
        return dataset

    def __repr__(self) -> str:
        counts = np.bincount(self.state().subset, minlength=len(SUBSETS)).tolist()
        subsets = ", ".join(f"{count:,} {name}" for name, count in zip(SUBSETS, counts, strict=True) if count)
        labelled = int((self.state().label >= 0).sum())
        key, maps = self.vectorizer_key, len(self.embeddings())
        vectors = len(vector_rows.vectorized_positions(self.store, self.id, key)) if key else 0
        return (
            f"<{type(self).__name__} “{self.name}”: {sum(counts):,} clips ({subsets or 'none'}), {labelled:,} labelled,"
            f" {vectors:,} vectors{f' “{key}”' if key else ''}, {maps} map{'' if maps == 1 else 's'}>"
        )

    @property
    def dfs(self) -> dict[str, pd.DataFrame]:
        """Each subset as a DataFrame of its own, with the newest map as columns `embed_2d_0`, `embed_2d_1`."""
        whole = self.to_pandas()
        return {name: whole[whole["SUBSET"] == name].reset_index(drop=True) for name in SUBSETS}

    def to_pandas(self) -> pd.DataFrame:
        """All clips in clip order: address, label, SUBSET, the other columns with the types that they came in, id,
        position, reference, and the coordinates of the newest map."""
        import pandas as pd

        clips, state = self.clips(), self.state()
        frame = pd.DataFrame(
            {
                self.feature_key: clips["url"].to_numpy(),
                self.label_key: state.label_names(),
                "SUBSET": np.array(SUBSETS, dtype=object)[state.subset],
            }
        )
        types = self.row.settings.get("column_types", {})
        for column in dict.fromkeys(key for extra in clips["extra"] for key in extra):
            if column not in frame:
                cells = [extra.get(column, "") for extra in clips["extra"]]
                frame[column] = notebook_table.with_type(cells, types.get(column, ""))
        for column, values in (("id", clips["clip_id"]), ("position", clips.index), ("reference", clips["reference"])):
            if column not in frame:  # a column of the table has the name first
                frame[column] = values.to_numpy()
        embedding = self.embedding()
        if embedding is not None:
            points = self.coordinates(embedding)
            for axis in range(embedding.dimension):
                frame[f"embed_{embedding.dimension}d_{axis}"] = points[:, axis]
        return frame

    def vectorize(self, vectorizer: Callable[[str], Any] | str) -> str:
        """Compute a vector for every clip without one, and return the vectorizer's key.

        `vectorizer` is a name from `hover_core.vectorizers`, or any callable URL → array [shape=(d,)] with the same `d`
        for all clips. An error in a callable is recorded as the failure of that clip, and the others go on. After an
        interruption the same call resumes.

        Raises
        ------
        Refused
            There is no vectorizer of this name, or another job of this dataset is running.
        """
        if isinstance(vectorizer, str) and vector_keys.is_imported(self.store, self.id, vectorizer):
            self.vectorizer = vectorizer
            self.change_settings(vectorizer=vectorizer)
            return vectorizer
        key = vectorizer_key(vectorizer)
        self.vectorizer = vectorizer
        self.change_settings(vectorizer=key)
        if isinstance(vectorizer, str):
            from hover_core.jobs import vectorize

            vectorize.run_here(self, vectorizer=key)
            return key
        urls = self.clips()["url"].tolist()
        with self.store.read() as connection:
            width = vector_rows.width(connection, self.id, key)
        with_vector = set(vector_rows.vectorized_positions(self.store, self.id, key).tolist())
        pending = [position for position in range(len(urls)) if position not in with_vector]
        for start in range(0, len(pending), vector_rows.BLOCK_ROWS):
            block = pending[start : start + vector_rows.BLOCK_ROWS]
            width = self._vectorize_block(vectorizer, key, block, urls, width)
        return key

    def _vectorize_block(
        self, vectorizer: Callable[[str], Any], key: str, block: Sequence[int], urls: Sequence[str], width: int | None
    ) -> int | None:
        vectors: list[tuple[int, Floats]] = []
        failures: dict[int, str] = {}
        try:
            for position in block:
                try:
                    vector = np.asarray(vectorizer(urls[position]), np.float32)
                except Exception as error:
                    failures[position] = f"{type(error).__name__}: {error}"
                    continue
                problem = _vector_problem(vector, width)
                if problem:
                    failures[position] = problem
                else:
                    width = len(vector)
                    vectors.append((position, vector))
        finally:  # also after Ctrl-C, to store the vectors that were computed
            with self.store.write() as connection:
                if vectors:
                    places = [position for position, _ in vectors]
                    vector_rows.add_vectors(
                        connection, self.id, key, places, np.stack([vector for _, vector in vectors])
                    )
                vector_rows.add_failures(connection, self.id, key, failures)
        return width

    def compute_nd_embedding(
        self, vectorizer: Callable[[str], Any] | str, method: str = "umap", dimension: int = 2, **kwargs: Any
    ) -> Reducer:
        """Vectorize all clips, reduce the vectors to `dimension` numbers and store both; `kwargs` go to the reducer.

        The reducer is fitted on raw, train and dev; test is only transformed. Returns the fitted `Reducer`. Errors are
        those of `vectorize` and of `maps.embed`.
        """
        key = self.vectorize(vectorizer)
        return self.embed(key, method, dimension=dimension, **kwargs)

    def embed(
        self,
        vectorizer: str,
        reducer: str = "umap",
        *,
        dimension: int = 2,
        placeholder: bool = False,
        progress: Progress | None = None,
        only: Positions | None = None,
        parent: int | None = None,
        **settings: Any,
    ) -> Reducer:
        """Make a map: fit on raw, train and dev, transform test, store the result, return the fitted reducer.

        With `only` the map shows just these clips [shape=(n,), int64]; `parent` is then the id of the map that they
        were selected on. Parameters and errors are those of `maps.embed`.
        """
        return maps.embed(
            self,
            vectorizer,
            reducer,
            dimension=dimension,
            placeholder=placeholder,
            progress=progress,
            only=only,
            parent=parent,
            **settings,
        )

    def place(self) -> int:
        """Place the clips that were vectorized since the map was drawn, and return their number; no other clip moves.

        Raises
        ------
        Refused
            There is no map yet.
        """
        return maps.place_new(self)

    def add_vectors(self, source: Source, *, name: str, wrong: str = "refuse") -> imported_vectors.ImportPlan:
        """Import vectors that were computed elsewhere; `key` of the result is a vectorizer for map and search.

        Parameters
        ----------
        source
            A `.parquet` or `.npz` file, its bytes, or `{"ids": …, "vectors": …}` [shape=(n,), shape=(n, d)]; an id is
            the clip's id, its id in the table that it came with, or its URL. See `imported_vectors.read_vectors`.
        name
            Name of the vectors, for example of the model that computed them.
        wrong
            How to treat rows that cannot be used (no such clip, NaN, another length, the same clip twice): `refuse` the
            whole file, or `leave out` these rows.

        Raises
        ------
        TableError
            The source cannot be read, or rows of it cannot be used; the message says which.
        Refused
            `name` has no letter or digit, or vectors of this name have another length.

        Examples
        --------
        >>> imported = dataset.add_vectors({"ids": ids, "vectors": vectors}, name="clap")       # doctest: +SKIP
        >>> dataset.compute_nd_embedding(imported.key, "umap")                                # doctest: +SKIP
        """
        return imported_vectors.import_vectors(self, source, name=name, wrong=wrong)

    def add_cut(self, intake: Intake, cut: Cut, *, labels: str = "aside") -> CutResult:
        """Cut the recordings of a table into clips, add these, return when all are there. See `queue.start_cut`."""
        from hover_core.jobs.cut import cut_here

        return cut_here(self, intake, cut, labels=labels)

    def neighbours(self, query: Query, k: int = 50, **options: Any) -> tuple[Positions, Floats]:
        """The `k` clips that sound most like `query`, best first, and their cosines. [shape=(k,), shape=(k,), float32]

        `query` is a clip's position, a URL (it need not be in the table), the bytes of a sound file, a
        `search.Stretch` of a clip, a vector, or a list of these. The clips of the query are not among the results.
        `options` and errors are those of `find`, whose result also says how near each is compared with all clips.

        Examples
        --------
        >>> positions, cosines = dataset.neighbours("https://example.org/bark.wav", k=20)  # doctest: +SKIP
        >>> dataset.neighbours([4, 17], unlike=[90], rerank="dtw")                       # doctest: +SKIP
        """
        return ranking.neighbours(self, query, k, **options)

    def find(self, query: Query | PreparedQuery, k: int | None = 50, **options: Any) -> Ranking:
        """The `k` clips most like `query` as a `search.Ranking`; options and errors are those of `search.find`."""
        return ranking.find(self, query, k, **options)

    def vector_of(self, url: str) -> Floats:
        """The vector of the sound behind a URL, by the vectorizer in use. [shape=(d,), float32]

        Raises
        ------
        SoundError
            There is no sound behind the URL, or the notebook's vectorizer failed on it.
        """
        if callable(self.vectorizer):
            try:
                return np.asarray(self.vectorizer(url), np.float32)
            except Exception as error:
                raise SoundError(f"{mask_credentials(url)}: {type(error).__name__}: {error}") from error
        return query.vector_of_url(self, url, self.vectorizer_key)


def _vector_problem(vector: Floats, width: int | None) -> str:
    if vector.ndim != 1 or not len(vector):
        return f"the vectorizer returned an array of shape {vector.shape}: it must be one row of numbers"
    if not np.isfinite(vector).all():
        return "the vectorizer returned a vector with NaN or infinity"
    if width is not None and width != len(vector):
        return f"the vectorizer returned {len(vector)} numbers, for other clips {width}"
    return ""


__all__ = [
    "DEFAULT_VECTORIZER",
    "AddResult",
    "Dataset",
    "Datasets",
    "SupervisableAudioDataset",
    "vectorizer_key",
]

"""What one person has before them on Label, and what they do with it. Nothing here is of record but what it writes.

Every act asks again who is here: an invite that was revoked a moment ago writes nothing, also from an open tab.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile

import numpy as np

from hover_core.analysis.search import Stretch, ask, matching, sought
from hover_core.data.arrays import Positions
from hover_core.errors import HoverError, RefusedHost
from hover_core.jobs import queue
from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from pages.components import private_hosts, session
from pages.components.clip_map import Selected
from pages.components.labelling.query import Row, Search, Words, joined
from pages.components.text import counted, plain

_NONE: Positions = np.zeros(0, np.int64)
_ids = count(1)


@dataclass(frozen=True)
class Barred:
    """A question that leads to this machine or its network, which the owner may allow. `title` is Markdown."""

    host_port: str
    query: str | bytes | Stretch
    title: str


@dataclass
class Desk:
    """Selection, focus, search and what was said last. `said` and `problem` are Markdown."""

    dataset_id: str
    selection: Positions = field(default_factory=lambda: _NONE)
    kept: Positions = field(default_factory=lambda: _NONE)  # what would be selected without the filters of the map
    passes: Positions | None = None  # what those let through; None: everything
    how: str = "lasso"
    imposed: str = ""  # id of a selection that the map has to take over from us
    imposed_how: str = "replace"
    turn: int = 0  # counts selections: each starts on its first page
    focus: int | None = None
    search: Search | None = None
    parts: list[int] = field(default_factory=list)  # ids of maps of a part, each of a selection on the one before it
    depth: int = 0  # how many of them down the map is that is looked at; 0: the whole map
    asked: int = 0  # how many sounds this person has asked with, also in vain
    barred: Barred | None = None  # what was asked last, if that waits for the owner's word
    unasked: str = ""  # why what was asked last has no answer; Markdown, like `problem`
    part_job: int | None = None  # the job that draws one
    twins: bool = False  # near-duplicates of what is labelled get the label too
    chosen: str = ""  # the label that the button will give
    attempts: int = 0  # to label, also those that were refused
    grow_by: int = 20  # how many of the nearest clips `grow` adds
    done: list[tuple[list[int], str]] = field(default_factory=list)  # batches of each act here, the newest act last
    said: str = ""
    problem: str = ""
    classic: bool = False  # the map is the classic one, which has no keys
    stale: bool = False  # the frame's counts are older than what was written

    def dataset(self) -> Dataset | None:
        """The dataset in the hands of whoever is here now, or None if they may not label it (any more)."""
        return session.still(self.dataset_id)

    def trim(self, size: int) -> None:
        """Forget clips that the dataset has not."""
        if self.kept.max(initial=-1) >= size or self.selection.max(initial=-1) >= size:
            self.selection, self.kept = self.selection[self.selection < size], self.kept[self.kept < size]

    def shown(self, positions: Positions) -> Positions:
        """What the filters of the map leave of some clips, in their order."""
        return positions if self.passes is None else positions[np.isin(positions, self.passes)]

    def select(self, positions: Positions, how: str, *, tell_map: bool) -> None:
        """Select of some clips what the filters of the map let through; `tell_map` if that was not done there."""
        before = self.selection
        self.kept, self.how = np.asarray(positions, np.int64), how
        self.selection = self.shown(self.kept)
        self._drop_focus(before)
        self.turn = next(_ids)
        if tell_map:
            self.tell_map()

    def drawn(self, act: Selected) -> None:
        """Take over a selection of the map; of one that a filter has made of it, how it came about stays."""
        if not np.array_equal(act.positions, self.selection):
            self.turn = next(_ids)
        self.selection, self.kept, self.passes = act.positions, act.kept, act.passes
        if act.how != "filter":
            self.how = "lasso"
        # one that a filter never hid, because it was not selected, stays
        self._drop_focus(None if act.how != "filter" else act.kept)

    def tell_map(self, how: str = "replace") -> None:
        """Have the map take over the selection as it is here, or what has changed in it."""
        self.imposed, self.imposed_how = f"{next(_ids)}", how

    def leave_out(self, position: int) -> None:
        """Take one clip out of the selection; the page of the list stays."""
        self.selection = self.selection[self.selection != position]
        self.kept = self.kept[self.kept != position]
        self._drop_focus(np.array([position], np.int64))
        self.tell_map("change")

    def _drop_focus(self, left: Positions | None) -> None:
        """Have no clip in focus that is not selected; None: whichever it is, else only one that may have `left`."""
        if self.focus is None or self.focus in self.selection:
            return
        if left is None or self.focus in left:
            self.focus = None

    def apply(self, label: str) -> None:
        """Give the selection a label."""
        self.attempts += 1
        dataset = self._opened()
        if dataset is None or not (label and len(self.selection)):
            return
        try:
            also = self._twins_of(dataset, self.selection)
            written = dataset.annotate(
                self.selection, label, how=self.how, twins=self.twins, token=session.token("label")
            )
        except HoverError as error:
            self.problem = plain(str(error))
            return
        session.spend("label")
        if written.batch_id is None:
            self.said = f"All {written.left:,} were “{plain(label)}” already."
            return
        self._wrote([written.batch_id], f"{written.changed:,} × “{label}”")
        self.said = f"Labelled {written.changed:,} as “{plain(label)}”{also}. {self._way_back}"

    def patch(self, position: int, label: str) -> None:
        """Correct the label of one clip."""
        dataset = self._opened()
        if dataset is None:
            return
        try:
            also = self._twins_of(dataset, np.array([position], np.int64))
            written = dataset.annotate([position], label, how="lasso", twins=self.twins, token=session.token("patch"))
        except HoverError as error:
            self.problem = plain(str(error))
            return
        session.spend("patch")
        if written.batch_id is not None:
            self._wrote([written.batch_id], f"{written.changed:,} × “{label}”")
            self.said = f"Labelled {counted(written.changed, 'clip')} as “{plain(label)}”{also}. {self._way_back}"

    def clear_labels(self) -> None:
        """Leave the selection without labels."""
        dataset = self._opened()
        if dataset is None or not len(self.selection):
            return
        try:
            written = dataset.clear(self.selection, how=self.how, twins=self.twins, token=session.token("clear"))
        except HoverError as error:
            self.problem = plain(str(error))
            return
        session.spend("clear")
        if written.batch_id is None:
            self.said = "None of these has a label."
            return
        self._wrote([written.batch_id], f"{written.changed:,} × “no label”")
        self.said = f"{counted(written.changed, 'clip')} without a label now. {self._way_back}"

    def commit(self, subset: str) -> None:
        """Move the labelled raw clips of the selection to another subset."""
        dataset = self._opened()
        if dataset is None:
            return
        try:
            written = dataset.commit(self.selection, subset, token=session.token("commit"))
        except HoverError as error:
            self.problem = plain(str(error))
            return
        session.spend("commit")
        if written.batch_id is not None:
            self._wrote([written.batch_id], f"{written.changed:,} moved to {subset}")
        self.said = f"Moved {counted(written.changed, 'clip')} to {subset}. {self._way_back}"

    def undo(self) -> None:
        """Take back the newest act of this sitting; after a reload, this person's newest labels or move."""
        dataset = self._opened()
        if dataset is None:
            return
        try:
            if self.done:
                batch_ids, what = self.done.pop()
                left = 0
                for batch_id in reversed(batch_ids):
                    left += dataset.undo(batch_id, token=session.token(f"undo {batch_id}")).left
                    session.spend(f"undo {batch_id}")
            else:
                undone = dataset.undo_last(kinds=("label", "clear", "move"), token=session.token("undo"))
                if undone is None:
                    self.said = "There is nothing of yours left to undo here."
                    return
                what, left = f"{undone[0].size:,} × “{undone[0].note}”", undone[1].left
                session.spend("undo")
        except HoverError as error:
            self.problem = plain(str(error))
            return
        kept = f" {left:,} have been changed again since and stay." if left else ""
        self.said = f"Taken back: {plain(what)}.{kept}"
        self.stale = True

    def grow(self) -> None:
        """Add the clips nearest to what is selected, of those that the map shows."""
        dataset = self._opened()
        if dataset is None or not len(self.selection):
            return
        try:
            near = dataset.near(self.selection, self.grow_by, among=self.passes)
        except HoverError as error:
            self.problem = plain(str(error))
            return
        self.selection, self.kept = np.union1d(self.selection, near), np.union1d(self.kept, near)
        self.turn = next(_ids)
        self.tell_map("change")

    def map_only(self) -> None:
        """Start a map of just the selection, a part of the map that is looked at."""
        dataset = self._opened()
        way = [] if dataset is None else self.way(dataset)
        if dataset is None or not way:
            return
        try:
            self.part_job = queue.start_part(dataset, self.selection.tolist(), way[self.depth]).id
        except HoverError as error:
            self.problem = plain(str(error))

    def way(self, dataset: Dataset) -> list[Embedding]:
        """The whole map, if there is one, and the parts below it; `depth` says which of them is looked at."""
        whole, known = dataset.embedding(), {found.id: found for found in dataset.embeddings()}
        there = list(takewhile(known.__contains__, self.parts))
        self.parts, self.depth = there, min(self.depth, len(there))
        return [] if whole is None else [whole, *(known[part] for part in there)]

    def enter(self, part: Embedding) -> None:
        """Look at a part that was drawn just now; what was drawn of its map before is forgotten."""
        parent = part.settings.get("parent")
        above = self.parts.index(parent) + 1 if parent in self.parts else 0
        self.parts[above:] = [part.id]
        self.depth = above + 1

    def back(self) -> None:
        """Return to the map of which this one is a part."""
        self.depth = max(0, self.depth - 1)

    def go(self, depth: int) -> None:
        """Look at another map on the way."""
        self.depth = depth

    def ask(self, positions: Sequence[int]) -> None:
        """Look for the clips that sound like these."""
        dataset = self._opened()
        if dataset is None:
            return
        clips = [int(position) for position in positions]
        if len(clips) == 1:
            title = f"Like **{plain(dataset.names(clips)[clips[0]][0])}**"
        else:
            title = f"Like {counted(len(clips), 'clip')}"
        try:
            self.search = Search(title, sought(dataset, clips), clips=tuple(clips), words=self._words())
        except HoverError as error:
            self._could_not_ask(title, str(error))

    def ask_sound(self, query: str | bytes | Stretch, title: str) -> None:
        """Look for the clips that sound like a URL, a file, what the microphone heard, or a stretch of a clip."""
        dataset = self._opened()
        if dataset is None:
            return
        self.asked += 1
        try:
            found, sound = ask(dataset, query)
            self.search = Search(title, found, sound=sound, words=self._words())
        except RefusedHost as error:
            self._refused(error, Barred(error.host_port, query, title))
        except HoverError as error:
            self._could_not_ask(title, str(error))

    def allow(self, barred: Barred) -> None:
        """Let this dataset fetch from the address that was refused, and ask again."""
        dataset = self._opened()
        if dataset is None or not private_hosts.by_a_click(barred.host_port):
            return
        allowed = {*dataset.row.settings.get("allowed_hosts", []), barred.host_port}
        try:
            dataset.change_settings(allowed_hosts=sorted(allowed))
        except HoverError as error:
            self.problem = plain(str(error))
            return
        self.ask_sound(barred.query, barred.title)

    def _refused(self, error: RefusedHost, barred: Barred) -> None:
        """The owner asked for an address that is not public: where the app is on this machine, they may allow it."""
        if error.redirected:  # the server chose the address, not the person
            self._could_not_ask(barred.title, str(error))
        elif not error.operator_only and private_hosts.by_a_click(barred.host_port):
            self.barred = barred
        else:
            self._could_not_ask(barred.title, private_hosts.refused(barred.host_port))

    def _could_not_ask(self, title: str, why: str) -> None:
        """Say it beside the hits of the question before, which stay, and could pass for an answer."""
        stay = "" if self.search is None else f" The hits are still those of: {self.search.named()}."
        self.unasked = f"{title}: {plain(why.removesuffix('.'))}.{stay}"

    def ask_words(self, words: Words | None) -> None:
        """Look for text, alone or among the hits of the search that is open; None takes the words off."""
        dataset = self._opened()
        if dataset is None:
            return
        if words is not None:
            try:
                matching(dataset, **vars(words))
            except HoverError as error:
                self._could_not_ask(f"With “{plain(words.text)}”", str(error))
                return
        if self.search is not None and self.search.sought is not None:
            self.search.words = words
        else:
            self.search = None if words is None else Search("By words", words=words)

    def close_search(self) -> None:
        """End the search; the selection stays."""
        self.search = None

    def judge(self, position: int, thumb: int) -> None:
        """A hit is, or is not, what is meant."""
        if self.search is not None:
            self.search.judge(position, thumb)

    def take(self, hits: Positions, *, mode: str = "replace") -> None:
        """Select what a search found; or add it, or keep only what is in both, or take it out."""
        self.select(joined(self.kept, hits).get(mode, np.sort(hits)), "search", tell_map=True)

    def play_in_a_row(self, hits: Positions) -> None:
        """Start to play hits one after the other."""
        if self.search is not None:
            self.search.row = Row([int(position) for position in hits])

    def decide(self, position: int, verdict: str, heard: bool, at: int) -> None:
        """`keep`, `drop`, `skip` or `undo` a clip that is played in a row."""
        row = self.search.row if self.search is not None else None
        if self.search is None or row is None or position not in row.positions:
            return
        row.at = max(0, min(at, len(row.positions)))
        row.kept.pop(position, None)
        row.dropped.discard(position)
        if verdict == "keep":
            row.kept[position] = heard
        elif verdict == "drop":
            row.dropped.add(position)
        thumb = {"keep": 1, "drop": -1}.get(verdict, 0)
        if self.search.thumb(position) != thumb:
            self.search.judge(position, thumb or self.search.thumb(position))

    def apply_kept(self, label: str) -> None:
        """Label what was kept in the row: as heard what was heard, the rest as found by search."""
        dataset = self._opened()
        row = self.search.row if self.search is not None else None
        if dataset is None or row is None or not (label and row.kept):
            return
        changed, batch_ids = 0, []
        for how, wanted in (("heard", True), ("search", False)):
            positions = [position for position, heard in row.kept.items() if heard is wanted]
            if not positions:
                continue
            try:
                token = session.token(f"kept {how}")
                written = dataset.annotate(positions, label, how=how, twins=self.twins, token=token)
            except HoverError as error:
                self.problem = plain(str(error))
                break
            session.spend(f"kept {how}")
            changed += written.changed
            if written.batch_id is not None:
                batch_ids.append(written.batch_id)
            for position in positions:
                row.done.add(position)
                del row.kept[position]
        if batch_ids:
            self._wrote(batch_ids, f"{changed:,} × “{label}”")
            self.said = f"Labelled {changed:,} as “{plain(label)}”. {self._way_back}"
        elif not self.problem:
            self.said = f"All of them were “{plain(label)}” already."

    @property
    def _way_back(self) -> str:
        return "“Undo” takes it back." if self.classic else "Undo with u."

    def _words(self) -> Words | None:
        """The words stay when another sound is asked for."""
        return self.search.words if self.search is not None else None

    def _twins_of(self, dataset: Dataset, positions: Positions) -> str:
        """What to say of the near-duplicates that get the label as well."""
        found = dataset.twins() if self.twins else None
        also = 0 if found is None else len(found.of(positions))
        return f", {counted(also, 'near-duplicate')} among them" if also else ""

    def _opened(self) -> Dataset | None:
        found = self.dataset()
        if found is None:
            self.problem = "You are not signed in any more: nothing was written."
        return found

    def _wrote(self, batch_ids: list[int], what: str) -> None:
        self.done.append((batch_ids, what))
        self.stale = True

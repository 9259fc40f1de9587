"""“Not this” and “unsure”: what people said about a label of a clip without giving it. Neither is a label."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from hover_core.data.verdicts import Verdict
from hover_core.exchange.selection import SelectedClips

_SAID: Final = (Verdict.NO, Verdict.UNSURE)
# A batch holds at most one of these for a clip and a label; what an undo appends is the withdrawal.
_LOG: Final = text(
    "SELECT a.position, l.name, a.verdict, source.how FROM annotations a JOIN batches b ON b.id = a.batch_id "
    "JOIN labels l ON l.dataset_id = b.dataset_id AND l.code = a.code JOIN batches source ON source.id = a.source "
    "WHERE b.dataset_id = :d AND a.position < :size AND a.code IN (SELECT DISTINCT a2.code FROM annotations a2 "
    "JOIN batches b2 ON b2.id = a2.batch_id WHERE b2.dataset_id = :d AND a2.verdict IN ('no', 'unsure')) "
    "AND a.verdict IN ('yes', 'no', 'unsure', 'no withdrawn', 'unsure withdrawn') ORDER BY b.revision, b.id"
)


def standing_verdicts(clips: SelectedClips) -> dict[int, list[tuple[str, str]]]:
    """`{position: [(label, verdict), …]}` of the selected clips, verdict `no` or `unsure`.

    The latest word about a label of a clip counts, whoever said it; one that came about in a way that does not go out
    is left out. The label that a clip carries is never among them.
    """
    latest: dict[tuple[int, str], tuple[str, str]] = {}
    with clips.dataset.store.read() as connection:
        for position, name, verdict, how in connection.execute(_LOG, {"d": clips.dataset.id, "size": clips.state.size}):
            if verdict in _SAID:
                latest[(position, name)] = (verdict, how)
            else:
                latest.pop((position, name), None)
    selected = set(clips.positions.tolist())
    names, verdicts = clips.state.names, dict[int, list[tuple[str, str]]]()
    for (position, name), (verdict, how) in latest.items():
        code = int(clips.state.label[position])
        if position in selected and how in clips.selection.hows and not (code >= 0 and names[code] == name):
            verdicts.setdefault(position, []).append((name, str(verdict)))
    return verdicts

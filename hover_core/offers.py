"""Labels that the owner offers by name to those who work blind, who see no label of anybody else's to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hover_core.annotations import label_named
from hover_core.errors import Refused

if TYPE_CHECKING:
    from hover_core.dataset import Dataset

MOST: Final = 500


def offer(dataset: Dataset, labels: Sequence[str]) -> list[str]:
    """Offer labels, in this order, after those that are offered already; which of them are new.

    What was offered stays offered: a label's colour and key never change.

    Raises
    ------
    Refused
        A name is too long or holds a control character, or there would be more than `MOST`.
    """
    dataset.by.allow("own", dataset.id)
    named = [name for words in labels if (name := label_named(words))]
    with dataset.datasets.journal.action(dataset.id, dataset.by.name) as action:
        kept = list(dataset.row.settings.get("offered_labels", []))  # nobody else writes while the action is open
        before = {name for name, _ in kept}
        new = [name for name in dict.fromkeys(named) if name not in before]
        if len(kept) + len(new) > MOST:
            raise Refused(f"{len(kept) + len(new):,} labels would be offered: at most {MOST} can be")
        if new:
            kept += [[name, action.revision] for name in new]
            dataset.store.set_settings(action.connection, dataset.id, {"offered_labels": kept})
            action.wrote = True
    return new


def offered(dataset: Dataset) -> list[str]:
    """The labels that are offered, in their order."""
    return [str(name) for name, _ in dataset.row.settings.get("offered_labels", [])]

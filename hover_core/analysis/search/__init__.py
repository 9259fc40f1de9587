"""Search by ear: a sound is the query, positive and negative examples refine it, the result is a ranking of clips.

`corpus` holds the vectors to compare with, `query` turns sounds into vectors, `ranking` ranks the clips; `advice` says
whether to re-rank, `words` searches text.
"""

from hover_core.analysis.search.advice import Advice, rerank_advice
from hover_core.analysis.search.query import (
    PLAYED_S,
    PreparedQuery,
    Query,
    Stretch,
    playable,
    prepare_playable_query,
    prepare_query,
    sound_of,
    stretch_piece,
    vector_of_url,
    with_frames,
)
from hover_core.analysis.search.ranking import MODEL_FROM, Ranking, find, neighbours
from hover_core.analysis.search.search_index import has_sequences, sequences
from hover_core.analysis.search.words import match_text, own_texts

__all__ = [
    "MODEL_FROM",
    "PLAYED_S",
    "Advice",
    "PreparedQuery",
    "Query",
    "Ranking",
    "Stretch",
    "find",
    "has_sequences",
    "match_text",
    "neighbours",
    "own_texts",
    "playable",
    "prepare_playable_query",
    "prepare_query",
    "rerank_advice",
    "sequences",
    "sound_of",
    "stretch_piece",
    "vector_of_url",
    "with_frames",
]

"""The kinds of long work, as they stand in the database: what the queue writes down and the worker looks up."""

from typing import Final

MAP: Final = "map"  # clips to vectors to a map
PART: Final = "part"  # a map of some clips that have vectors
SEQUENCES: Final = "sequences"  # the vectors of every moment, for re-ranking
CUT: Final = "cut"  # long recordings to clips

KINDS: Final = (MAP, PART, SEQUENCES, CUT)

"""The kinds of long work, as the database has them: the queue writes them, the worker looks up their functions."""

from typing import Final

MAP: Final = "map"  # clips to vectors to a map
PART: Final = "part"  # a map of some clips that have vectors
SEQUENCES: Final = "sequences"  # vectors of every frame, for re-ranking
CUT: Final = "cut"  # long recordings to clips

KINDS: Final = (MAP, PART, SEQUENCES, CUT)

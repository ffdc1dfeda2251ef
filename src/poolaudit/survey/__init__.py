"""From source text to facts, in two stages: read (libcst -> trace) and solve (trace -> facts).

`survey_file` is all that the rest of the house calls. Only read_* and places may import libcst.
"""

from poolaudit.survey.families import LEAF_NAMES, NEEDLES

__all__ = ["LEAF_NAMES", "NEEDLES"]

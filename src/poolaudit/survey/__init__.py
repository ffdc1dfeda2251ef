"""From source text to facts, in two stages: read (libcst -> trace) and solve (trace -> facts).

`survey_file` is all that the rest of the house calls. Only read_* and places import libcst, and only when a file is surveyed:
importing this package stays cheap.
"""

from __future__ import annotations

import ast
import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolaudit.facts import FileFacts
    from poolaudit.survey.project import Project

__all__ = ["Unparsable", "survey_file"]


class Unparsable(Exception):
    """The text is not Python that libcst can parse. line and column count from 1; 0 when unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def survey_file(path: str, text: str, tree: ast.Module | None = None, project: Project | None = None) -> FileFacts:
    """State the facts of one file.

    `tree` is ast's view of the same text where the caller has it already. `project` finds what the file imports; without it
    everything behind an import is unknown.
    Raises Unparsable for text that is not Python, RecursionError for nesting beyond the interpreter's limit.
    """
    from poolaudit.survey.project import MODULES, ROUNDS, WORKER_ROUNDS, wanted
    from poolaudit.survey.read_statements import read, read_more
    from poolaudit.survey.read_text import parse, parse_places
    from poolaudit.survey.sites import facts
    from poolaudit.survey.solve import Solution

    with warnings.catch_warnings():
        # the audited code's invalid escapes are not our news
        warnings.simplefilter("ignore")
        parsed = parse(text)
        trees = parse_places(text) if tree is None else tree
        trace = read(path, text, parsed, trees, "" if project is None else project.module_name(path))
        solution = Solution(trace)
        own = os.path.normpath(path).replace(os.sep, "/")
        for number in range(ROUNDS if project is not None else 0):
            assert project is not None
            names = sorted(wanted(solution, workers=number < WORKER_ROUNDS))
            found = {module.path: module for name in names if (module := project.find(name, path)) is not None}
            new = [module for key, module in sorted(found.items()) if key not in trace.modules and key != own]
            if not new or len(trace.modules) > MODULES:
                break
            for other in new[: MODULES + 1 - len(trace.modules)]:
                read_more(trace, other.path, other.text, other.module, other.tree, other.name)
            solution = Solution(trace)
        entry = project.start_method(path) if project is not None and solution.site_apis else None
        return facts(solution, entry)

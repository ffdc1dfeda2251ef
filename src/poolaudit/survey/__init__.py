"""From source text to facts, in two stages: read (libcst -> trace) and solve (trace -> facts).

`survey_file` is all that the rest of the house calls. Only read_* and places import libcst, and only when a file is surveyed:
importing this package stays cheap.
"""

from __future__ import annotations

import ast
import warnings

from poolaudit.facts import FileFacts

__all__ = ["Unparsable", "survey_file"]


class Unparsable(Exception):
    """The text is not Python that libcst can parse. line and column count from 1; 0 when unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def survey_file(path: str, text: str, tree: ast.Module | None = None) -> FileFacts:
    """State the facts of one file.

    `tree` is ast's view of the same text where the caller has it already.
    Raises Unparsable for text that is not Python, RecursionError for nesting beyond the interpreter's limit.
    """
    import libcst as cst

    from poolaudit.survey.read_statements import read
    from poolaudit.survey.sites import facts

    with warnings.catch_warnings():
        # the audited code's invalid escapes are not our news
        warnings.simplefilter("ignore")
        try:
            module = cst.parse_module(text)
        except cst.ParserSyntaxError as error:
            raise Unparsable(str(error.message), error.raw_line, error.raw_column + 1) from error
        if tree is None:
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                # libcst knows newer syntax than the running Python: places falls back to a pass over the module
                tree = None
        return facts(read(path, text, module, tree))

"""IPython's additions to Python, taken out of the code of a cell: magics, shell commands, help.

Knows which lines IPython rewrites before Python sees them, and which of them carry code (`%time f()`). What it gives has as many
characters and lines as the cell, so that places stay what they are. Must never know a notebook, a file or what the code means.

https://ipython.readthedocs.io/en/stable/config/inputtransforms.html, and IPython/core/inputtransformer2.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit import syntax

CODE_CELLS = frozenset({"capture", "debug", "memit", "prun", "time", "timeit"})
"""Cell magics whose body runs in the notebook itself; that of all others runs elsewhere (%%bash) or is no Python (%%html)."""

_TOKEN = re.compile(
    r"""
    (?P<newline>\r\n|\r|\n)
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | \#[^\r\n]*
    | \"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z) | '{3}(?:\\.|[^\\])*?(?:'{3}|\Z)
    | "(?:\\.|[^"\\\r\n])*"? | '(?:\\.|[^'\\\r\n])*'?
    | \\(?:\r\n|.|\Z)
    | [^\#"'()\[\]{}\\\r\n]+
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_CONTINUED = re.compile(r"(?:[^\r\n]*\\(?:\r\n|\r|\n))*" + _LINE.pattern)
_INDENT = r"(?P<indent>[ \t]*)"
_CELL_MAGIC = re.compile(r"%%(?P<name>\w+)")
_ESCAPE = re.compile(_INDENT + r"(?:[%!?,;/]|(?:pip|conda|mamba|uv)[ \t]+\w)")
"""No Python statement starts like this; IPython takes the line for a command."""
_HELP = re.compile(_INDENT + r"(?!\d)[\w.*]+(?:\[[^\]\r\n]*\])*(?:\.\w+)*[ \t]*\?\??[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")
_ASSIGNED = re.compile(r"(?P<target>[ \t]*(?!\d)[\w., \t*\[\]]+=[ \t]*)(?P<sign>[!%])(?=[^\s=])")
_TIMED = re.compile(
    _INDENT
    + r"""(?P<magic>%(?:
        time(?:[ \t]+--no-raise-error)?
        | timeit(?:[ \t]+-(?:[nrp][ \t]*\d+|[tcqov]))*
        | prun(?:[ \t]+-(?:[lsTD][ \t]*\S+|[qr]))*
        | memit(?:[ \t]+-(?:[rt][ \t]*\d+|[ioc]))*
    )[ \t]+)(?P<code>[^\s-][^\r\n]*)(?=[\r\n]|\Z)""",
    re.VERBOSE,
)
"""Line magics that run the rest of their line."""


def python(cell: str) -> str | None:
    """The cell with what is not Python blanked out, character by character; None when the cell runs elsewhere.

    A command becomes `0` and a comment, so that it is still a statement. `%time f()` becomes `0;    f()`. A form feed, which
    means nothing to Python, becomes a blank: it parts cells.
    """
    head = _heads(cell)
    return None if head is None else (head + "".join(_pieces(cell, len(head)))).replace("\f", " ")


def _heads(cell: str) -> str | None:
    """Blank lines and cell magics that the cell starts with, blanked out; None when one of them takes the cell elsewhere."""
    head = ""
    while True:
        line = _LINE.match(cell, len(head))
        if line is None or not line[0]:
            return head
        if magic := _CELL_MAGIC.match(line[0]):
            if magic["name"] not in CODE_CELLS:
                return None
            head += _command(line[0])
        elif line[0].strip():
            return head
        else:
            head += line[0]


def _pieces(cell: str, at: int) -> Iterator[str]:
    """The rest of the cell. A command can only stand where a statement begins: outside of strings and brackets."""
    depth, begins = 0, True
    while at < len(cell):
        piece = _escaped(cell, at) if begins and depth == 0 else None
        if piece is None:
            token = _TOKEN.match(cell, at)
            assert token is not None, "the last alternatives take any character"
            piece = token[0]
            depth = max(0, depth + (token["open"] is not None) - (token["close"] is not None))
            begins = token["newline"] is not None
        yield piece
        at += len(piece)


def _escaped(cell: str, at: int) -> str | None:
    """What replaces a command that begins at `at`, its newline included; None when Python's own syntax begins there."""
    if (timed := _TIMED.match(cell, at)) and _parses(timed["code"]):
        return f"{timed['indent']}0;{' ' * (len(timed['magic']) - 2)}{timed['code']}{_newline(cell, timed.end())}"
    if _ESCAPE.match(cell, at):
        continued = _CONTINUED.match(cell, at)
        # a cell magic that does not come first is an error, and another statement than one that does
        late = _CELL_MAGIC.match(cell, at) is not None
        return _command(continued[0], "1" if late else "0") if continued else None
    if help_ := _HELP.match(cell, at):
        return _command(help_[0] + _newline(cell, help_.end()))
    if (assigned := _ASSIGNED.match(cell, at)) and (continued := _CONTINUED.match(cell, assigned.end("target"))):
        # a shell command gives a list of lines; what a magic gives is not known
        return assigned["target"] + _command(continued[0], "[]" if assigned["sign"] == "!" else "_ ")
    return None


def _command(lines: str, instead: str = "0") -> str:
    """As many characters that do nothing: a comment behind the expression `instead`."""
    first = _LINE.match(lines)
    assert first is not None, "a line may be empty"
    code = first[0].rstrip("\r\n")
    indent = code[: len(code) - len(code.lstrip(" \t"))]
    blanked = indent + (instead + "#" + code[len(indent) + len(instead) + 1 :])[: len(code) - len(indent)]
    return blanked + first[0][len(code) :] + re.sub(r"^[^\r\n]", "#", lines[len(first[0]) :], flags=re.MULTILINE)


def _newline(cell: str, at: int) -> str:
    token = _TOKEN.match(cell, at)
    return token[0] if token and token["newline"] else ""


def _parses(code: str) -> bool:
    try:
        syntax.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True

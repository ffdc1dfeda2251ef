"""Unified diffs that `patch` and `git apply` take.

Knows that only a line feed ends a line (a form feed or U+2028 inside one is text: str.splitlines would cut there),
and how a missing last newline is written. Must never know what the texts are.
"""

from __future__ import annotations

import difflib
import os.path

from poolaudit.report.terminal import Paint


def unified(before: str, after: str, old: str, new: str, *, context: int = 3, whole: bool = False) -> str:
    """The difference with `context` lines around each change; `whole`: with all lines. '' when nothing differs."""
    first, second = _lines(before), _lines(after)
    rows = difflib.unified_diff(first, second, old, new, n=max(len(first), len(second)) if whole else context)
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def patch(before: str, after: str, path: str) -> str:
    """The change of one file, with the a/ and b/ of git."""
    return unified(before, after, path, path) if os.path.isabs(path) else unified(before, after, f"a/{path}", f"b/{path}")


def _lines(text: str) -> list[str]:
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def painted(text: str, *, color: bool) -> str:
    """A diff with added lines green and removed ones red."""
    if not color:
        return text
    paint = Paint(True)
    styles = {"+": ("green",), "-": ("red",), "@": ("cyan",)}
    return "\n".join(
        paint(line, "bold") if line.startswith(("+++ ", "--- ")) else paint(line, *styles.get(line[:1], ()))
        for line in text.split("\n")
    )

"""When nothing was seen: is it not there, or only not seen?

Knows which facts say that every use of a pool is known. Must never know a question of the tree.
"""

from __future__ import annotations

from poolaudit.facts import ESCAPES, Answer, Evidence
from poolaudit.tree import Subject


def absent(subject: Subject, because: str, answer: Answer = "no") -> Evidence:
    """`answer` where every use is known; else the first use that leads out of sight."""
    site = subject.site
    if site.complete:
        return Evidence(answer, because)
    escape = next((use for use in site.uses if use.how in ESCAPES), None)
    if escape is None:
        return Evidence("unknown", "not every use of it is seen", site.callee)
    how = {"return": "is returned", "yield": "is yielded"}.get(escape.how, "goes to code that is not seen")
    return Evidence("unknown", f"it {how}", escape.point.span)


def absent_argument(subject: Subject, because: str) -> Evidence:
    """'no' unless a star argument may hold it."""
    for argument in subject.site.arguments:
        if argument.star:
            return Evidence("unknown", f"`{subject.file.cut(argument.span)}` may hold it", argument.span)
    return Evidence("no", because, subject.site.callee)

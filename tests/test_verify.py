"""The gate: what it lets through, and that each way of going wrong is rejected."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolaudit import edits, verify
from poolaudit.edits import Edit, insert
from poolaudit.settings import ALL_VERSIONS

RUNNING = sys.version_info[:2]

PROGRAM = """\
import os


@decorate
def work(items):  # a worker
    for item in items:
        yield item


with open(os.devnull) as pool:
    a = pool.map(work, [1, 2])
    b = a
print(b)
"""


def check(text: str, *fix: Edit, targets: tuple[tuple[int, int], ...] = (RUNNING,)) -> str | None:
    patch = edits.apply(text, [fix])
    assert patch.deferred == ()
    rejection = verify.check_text(text, patch.text, patch.edits, targets)
    return None if rejection is None else f"{rejection.reason}:{rejection.line}"


def at(text: str, piece: str, new: str) -> Edit:
    start = text.index(piece)
    return Edit(start, start + len(piece), new)


def before(text: str, piece: str, new: str) -> Edit:
    return insert(text.index(piece), new)


def after(text: str, piece: str, new: str) -> Edit:
    return insert(text.index(piece) + len(piece), new)


GOOD = {
    "wrap an expression": (before(PROGRAM, "pool.map", "list("), after(PROGRAM, "[1, 2])", ")")),
    "replace a name": (at(PROGRAM, "b = a", "b = c"),),
    "add a line above": (before(PROGRAM, "print(b)", "import re\n"),),
    "add a line below": (after(PROGRAM, "print(b)", "\nprint(a)"),),
    "add a line inside": (before(PROGRAM, "b = a", "c = 1\n    "),),
    "add a line at the end of a block": (after(PROGRAM, "b = a", "\n    c = b"),),
    "add a nested function": (after(PROGRAM, "yield item", "\n    def inner():\n        return 1"),),
    "add a decorator": (before(PROGRAM, "@decorate", "@other\n"),),
    "remove a statement": (at(PROGRAM, "    b = a\n", ""),),
    "change a header": (at(PROGRAM, "open(os.devnull) as pool", "closing(x) as pool"),),
    "try around": (
        before(PROGRAM, "with open", "try:\n    "),
        before(PROGRAM, "    a = pool", "    "),
        before(PROGRAM, "    b = a", "    "),
        after(PROGRAM, "b = a", "\nfinally:\n    close()"),
    ),
    "nothing": (),
}


@pytest.mark.parametrize("fix", GOOD.values(), ids=GOOD.keys())
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_is_as_promised_passes(fix: tuple[Edit, ...], newline: str) -> None:
    assert check(PROGRAM, *fix) is None
    if newline == "\r\n":
        text = PROGRAM.replace("\n", newline)
        moved = [
            Edit(
                each.start + PROGRAM[: each.start].count("\n"),
                each.end + PROGRAM[: each.end].count("\n"),
                each.replacement.replace("\n", newline),
            )
            for each in fix
        ]
        assert check(text, *moved) is None


BAD = {
    "broken syntax": ((at(PROGRAM, "b = a", "b = "),), "syntax:0"),
    "refused by the compiler only": ((at(PROGRAM, "b = a", "return a"),), "syntax:0"),
    "a string swallows code": ((at(PROGRAM, "b = a", '"""'), insert(len(PROGRAM), '"""\n')), "changed-elsewhere:13"),
    "a block ends early": ((before(PROGRAM, "    b = a", "if True:\n"),), "changed-elsewhere:12"),
    "a comment is lost": ((at(PROGRAM, "def work(items):  # a worker", "def work(items):"),), "comment-lost:0"),
}


@pytest.mark.parametrize(("fix", "reason"), BAD.values(), ids=BAD.keys())
def test_what_is_not_is_rejected(fix: tuple[Edit, ...], reason: str) -> None:
    assert check(PROGRAM, *fix) == reason


def test_text_that_becomes_code() -> None:
    text = 'x = """\ny = 1\n"""\n'
    assert check(text, Edit(4, 7, "1"), Edit(14, 17, "")) == "changed-elsewhere:2"


def test_a_string_that_is_indented_with_its_statement_is_changed() -> None:
    text = "if x:\n    y = f(\n        1)\n    z = '''\n    text'''\n"
    lines = [insert(match.end(), "    ") for match in re.finditer(r"(?m)^(?=.)", text)]
    wrapped = (insert(0, "with p:\n"), *lines)
    assert check(text, *wrapped[:-1]) is None
    assert check(text, *wrapped) == "changed-elsewhere:4"


def test_edits_that_do_not_make_the_new_text() -> None:
    rejection = verify.check_text(PROGRAM, PROGRAM.replace("print(b)", "print(c)"), (), (RUNNING,))
    assert rejection is not None
    assert rejection.reason == "changed-elsewhere"
    assert rejection.message == "line 13: a statement that no edit touches would change"


def test_characters_are_not_bytes() -> None:
    text = "é = 'é'; f(é)\nprint('é')\n"
    assert check(text, before(text, "f(é)", "list("), after(text, "f(é)", ")")) is None
    assert check(text, at(text, "f(é)", "'''"), insert(len(text), "'''\n")) == "changed-elsewhere:2"


def test_every_target_must_take_it() -> None:
    text = "x = 1\n"
    walrus, match = at(text, "1", "(y := 1)"), after(text, "1", "\nmatch x:\n    case 1: ...")
    assert check(text, walrus, targets=ALL_VERSIONS) is None
    assert check(text, match, targets=((3, 10), RUNNING)) is None
    assert check(text, match, targets=((3, 9), RUNNING)) == "syntax:0"


def test_a_target_that_does_not_take_the_old_text_is_no_reason() -> None:
    text = "match 1:\n    case 1: x = 1\n"
    assert check(text, at(text, "x = 1", "x = 2"), targets=((3, 8), RUNNING)) is None


def test_what_cannot_be_compiled_cannot_be_verified() -> None:
    rejection = verify.check_text("return\n", "return 1\n", (Edit(6, 6, " 1"),), (RUNNING,))
    assert rejection is not None
    assert rejection.message.endswith("cannot compile this file, so no change of it can be verified")


def found(**codes: int) -> Counter[str]:
    return Counter(codes)


@pytest.mark.parametrize(
    ("old", "new", "fixed", "reason"),
    [
        (found(PA1=1), found(), found(PA1=1), None),
        (found(PA1=3, PA2=1), found(PA1=1, PA2=1), found(PA1=2), None),
        (found(PA1=3), found(), found(PA1=1), None),
        (found(PA1=1), found(PA1=1), found(PA1=1), "still-found"),
        (found(PA1=2), found(PA1=1), found(PA1=2), "still-found"),
        (found(PA1=1), found(PA2=1), found(PA1=1), "new-finding"),
        (found(PA1=1), found(PA1=2), found(PA1=1), "new-finding"),
    ],
)
def test_findings(old: Counter[str], new: Counter[str], fixed: Counter[str], reason: str | None) -> None:
    rejection = verify.check_findings(old, new, fixed)
    assert (rejection and rejection.reason) == reason


LINES = st.lists(
    st.sampled_from(["a = 1", "b(a)  # c", "if a:\n    b\n    c", "with a:\n    if b: c", "def f():\n    '''d'''\n    return 1"]),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(LINES, st.data())
def test_what_passes_has_kept_every_untouched_line(lines: list[str], data: st.DataObject) -> None:
    """A random edit is rejected, or all statements on other lines are in the new tree as they were in the old one."""
    text = "\n".join(lines) + "\n"
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 6, len(text))))
    new = data.draw(st.sampled_from(["", "x", "\n", " ", "(", "'''", "#", ":\n    ", "x\n", ";", "\\\n"]))
    patch = edits.apply(text, [[Edit(start, end, new)]])
    if verify.check_text(text, patch.text, patch.edits, (RUNNING,)) is None:
        assert _elsewhere(text, start, end) == _elsewhere(patch.text, start, start + len(new))


def _elsewhere(text: str, start: int, end: int) -> list[str]:
    """The statements without a body that stand on other lines than a range of the text."""
    first, last = text.count("\n", 0, start) + 1, text.count("\n", 0, end) + 1
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt) and not hasattr(node, "body")]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return [ast.dump(node) for node in found if node.lineno > last or (node.end_lineno or 0) < first]

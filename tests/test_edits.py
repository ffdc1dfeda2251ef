"""How fixes land on one text without losing each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolaudit.edits import Edit, apply, insert

TEXT = "pool.map(f, xs)\n"


def test_no_fix_changes_nothing() -> None:
    assert apply(TEXT, []).text == TEXT
    assert apply(TEXT, [[]]).applied == (0,)


def test_insertions_wrap() -> None:
    patch = apply(TEXT, [[insert(15, ")"), insert(0, "list(")]])
    assert patch.text == "list(pool.map(f, xs))\n"
    assert patch.edits == (Edit(0, 0, "list("), Edit(15, 15, ")"))


def test_insertions_of_one_fix_at_one_place_keep_their_order() -> None:
    assert apply("x", [[insert(0, "a"), insert(0, "b"), insert(0, "a")]]).text == "abax"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Edit(0, 4, "a"), Edit(3, 6, "b")),
        (Edit(0, 4, "a"), Edit(0, 4, "b")),
        (Edit(0, 4, "a"), Edit(1, 2, "b")),
        (Edit(0, 4, "a"), insert(4, "b")),
        (Edit(0, 4, "a"), insert(0, "b")),
        (Edit(0, 4, "a"), insert(2, "b")),
        (insert(4, "a"), insert(4, "b")),
        (insert(4, "a"), Edit(4, 5, "b")),
    ],
)
def test_what_touches_is_deferred_as_a_whole(first: Edit, second: Edit) -> None:
    for one, other in ((first, second), (second, first)):
        patch = apply(TEXT, [[one], [insert(12, "_"), other], [insert(13, "!")]])
        assert (patch.applied, patch.deferred) == ((0, 2), (1,))
        assert patch.text == apply(TEXT, [[one, insert(13, "!")]]).text


@pytest.mark.parametrize("second", [insert(0, "list("), Edit(0, 4, "executor"), insert(0, "def g(): ...\n")])
def test_whole_lines_that_come_first_are_no_obstacle(second: Edit) -> None:
    patch = apply(TEXT, [[insert(0, "import os\n")], [second]])
    assert patch.applied == (0, 1)
    assert patch.text.startswith(f"import os\n{second.replacement}")


def test_neighbours_both_land() -> None:
    assert apply("abcd", [[Edit(0, 2, "x")], [Edit(2, 4, "y")]]).text == "xy"


def test_a_fix_that_is_done_already_counts_and_lands_once() -> None:
    fix = [insert(0, "list("), insert(15, ")")]
    patch = apply(TEXT, [fix, fix])
    assert patch.applied == (0, 1)
    assert patch.text == "list(pool.map(f, xs))\n"


def test_half_of_a_fix_that_is_done_already_is_no_reason_to_add_the_other_half() -> None:
    patch = apply("f(g(x))", [[insert(0, "list("), insert(7, ")")], [insert(0, "list("), insert(6, ")")]])
    assert patch.deferred == (1,)
    assert patch.text == "list(f(g(x)))"


@pytest.mark.parametrize("fix", [[Edit(0, 99, "")], [Edit(-1, 0, "")], [Edit(3, 2, "")], [Edit(0, 3, "a"), Edit(2, 4, "b")]])
def test_a_fix_that_makes_no_sense_raises(fix: list[Edit]) -> None:
    with pytest.raises(ValueError, match="edit"):
        apply(TEXT, [fix])


@st.composite
def texts_and_fixes(draw: st.DrawFn) -> tuple[str, list[list[Edit]]]:
    text = draw(st.text("abc\n", min_size=0, max_size=12))
    place = st.integers(0, len(text))
    edit = st.builds(lambda a, b, new: Edit(min(a, b), max(a, b), new), place, place, st.text("XY\n", max_size=2))
    return text, draw(st.lists(st.lists(edit, min_size=1, max_size=1), max_size=5))


@settings(deadline=None)
@given(texts_and_fixes())
def test_all_or_nothing(case: tuple[str, list[list[Edit]]]) -> None:
    """What is applied is in the text, as if only that had been asked; what is deferred has left no trace."""
    text, fixes = case
    patch = apply(text, fixes)
    assert sorted((*patch.applied, *patch.deferred)) == list(range(len(fixes)))
    again = apply(text, [fixes[index] for index in patch.applied])
    assert (again.text, again.deferred) == (patch.text, ())
    grown = sum(len(edit.replacement) - (edit.end - edit.start) for edit in patch.edits)
    assert len(patch.text) == len(text) + grown

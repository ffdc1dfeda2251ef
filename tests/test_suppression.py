"""Which comments speak to poolaudit, and for which lines."""

from __future__ import annotations

import pytest

from poolaudit.suppression import assumptions, comments, suppressions

TEXT = '''\
a = f()  # poolaudit: ignore[PA502] read elsewhere
b = f()  # type: ignore # poolaudit:ignore [ unread-map , PA501 ]  two rules # and more
# poolaudit: ignore[PA503] for the next line
c = f()
# poolaudit: assume[no-cancel, fork-safe] told by the author
# a remark between

d = f(
    1,  # poolaudit: ignore[PA201]
    # poolaudit: ignore[PA202]
    2,
)  # noqa: E501,PA502
text = """
# poolaudit: ignore[PA999]
"""
# poolaudit: ignore-file[PA301] a script
e = f()  # poolaudit: ignore
g = f()  # noqa
# poolaudit: ignored, and poolaudit: ignore[PA1] without a sign
'''

READ = [
    ("ignore", ("PA502",), "read elsewhere", 1, 1),
    ("ignore", ("unread-map", "PA501"), "two rules", 2, 2),
    ("ignore", ("PA503",), "for the next line", 3, 4),
    ("ignore", ("PA201",), "", 9, 9),
    ("ignore", ("PA202",), "", 10, 11),
    ("noqa", ("E501", "PA502"), "", 12, 12),
    ("ignore-file", ("PA301",), "a script", 16, 17),
    ("ignore", (), "", 17, 17),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_what_is_read(newline: str) -> None:
    text = TEXT.replace("\n", newline)
    found = suppressions(text)
    assert [(each.kind, each.rules, each.reason, each.line, each.target) for each in found] == READ
    assert all(text[each.start : each.end].startswith("#") for each in found)
    assert [each.own_line for each in found] == [False, False, True, False, True, False, True, False]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_assumptions(newline: str) -> None:
    text = TEXT.replace("\n", newline)
    found = assumptions(text)
    assert [(each.word, each.line, each.reason) for each in found] == [
        ("no-cancel", 7, "told by the author"),
        ("fork-safe", 7, "told by the author"),
    ]
    assert text[found[0].start : found[0].end] == "# poolaudit: assume[no-cancel, fork-safe] told by the author"


def test_a_comment_speaks_for_the_line_below_it_and_below_other_comments() -> None:
    (found,) = suppressions("# poolaudit: ignore[PA502]\n# noqa\n#\nf()\n")
    assert found.target == 4
    (found,) = suppressions("# poolaudit: ignore[PA502]\n\nf()\n")
    assert found.target == 2


def covering(text: str, first: int, last: int) -> list[str]:
    return [each.rules[0] for each in comments(text).covering(first, last)]


def test_first_last_and_reported_line_of_a_statement() -> None:
    text = (
        "# poolaudit: ignore[above]\n"
        "x = f(  # poolaudit: ignore[first]\n"
        "    1,  # poolaudit: ignore[inner]\n"
        "    lambda: 0,  # poolaudit: ignore[reported]\n"
        ")  # poolaudit: ignore[last]\n"
        "y = 1  # poolaudit: ignore[next]\n"
    )
    assert covering(text, 4, 4) == ["above", "first", "reported", "last"]
    assert covering(text, 2, 2) == ["above", "first", "last"]
    assert covering(text, 6, 6) == ["next"]


def test_a_block_is_covered_at_its_header_and_its_end() -> None:
    text = (
        "with Pool(\n"
        "    4,\n"
        ") as pool:  # poolaudit: ignore[header]\n"
        "    f()  # poolaudit: ignore[body]\n"
        "    g()  # poolaudit: ignore[end]\n"
        "# poolaudit: ignore-file[file]\n"
    )
    assert covering(text, 1, 1) == ["header", "file"]
    assert covering(text, 1, 5) == ["end", "file"]


def test_noqa_covers_its_own_line_only() -> None:
    (found,) = suppressions("# noqa: PA502\nf()\n")
    assert found.target == 1


@pytest.mark.parametrize("broken", ["x = (\n", "  y\n z\n", "'''\n", "print 'x'\n"])
def test_a_text_that_cannot_be_tokenized_is_searched_line_by_line(broken: str) -> None:
    (found,) = suppressions(f"a = f()  # poolaudit: ignore[PA502] reason\n{broken}")
    assert (found.rules, found.reason, found.target) == (("PA502",), "reason", 1)


def test_other_comments_are_not_even_tokenized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenize.generate_tokens", None)
    assert comments("x = 1  # a comment\n").suppressions == ()

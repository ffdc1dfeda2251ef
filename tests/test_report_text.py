"""The report for people: frames, wording, width, colour.

Knows small texts and what must be seen of them. Must never survey anything.
"""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

import sample
from poolaudit.facts import Span
from poolaudit.readiness import Ready, Reason
from poolaudit.report import Problem, Report, text
from poolaudit.report.frame import Mark, frame
from poolaudit.report.lines import Lines
from poolaudit.report.terminal import Paint, harmless, width_of
from poolaudit.rule import Related
from sample import BREAKS, CLEAN, EMPTY, INHERITED, LAMBDA, LOAD, RUN, span_of

ANSI = re.compile(r"\033\[[0-9;]*m")


def framed(source: str, *marks: Mark, width: int = 80) -> str:
    return "\n".join(frame(Lines(source), marks, width=width, paint=Paint()))


def marked(source: str, needle: str, label: str = "here", width: int = 80) -> str:
    return framed(source, Mark(span_of(needle, source), label, primary=True), width=width)


def test_finding_with_related_places_note_and_fix() -> None:
    report = RUN._replace(files=(LOAD._replace(findings=(INHERITED,)),))
    assert text.render(report, quiet=True) == (
        "src/load.py:12:10: PA305 inherited-global [warning]  worker `enrich` reads `CACHE`, which only the parent fills\n"
        " 3 | CACHE = {}\n"
        "   | ----------\n"
        "...\n"
        " 7 |     return CACHE[row]\n"
        "   |            ---------- read here, in the worker\n"
        "...\n"
        "11 |     CACHE.update(rows)\n"
        "   |     ------------------ written here, after import\n"
        "12 |     with mp.Pool(8) as pool:\n"
        "   |          ^^^^^^^^^^ no start method given\n"
        "   = fails on Linux from 3.14 (forkserver), macOS and Windows (spawn)\n"
        "   = fix: pass `CACHE` through initializer= (unsafe: it is pickled once per worker)\n"
        "          poolaudit scan --diff --unsafe-fixes src/load.py\n"
    )


def test_summary_counts_verdicts_readiness_and_findings() -> None:
    summary = text.render(RUN).split("\n\n")[-2]
    assert summary.splitlines() == [
        "214 files, 1 with pools, 2 pools: 1 keep, 1 either; 1 has errors to fix first",
        "Python 3.14: 1 break, 0 may change, 1 unaffected (forkserver; spawn: the same)",
        "  break         1  PA305 inherited-global",
        "2 findings (1 error, 1 warning), 2 fixable, 1 of them safe",
        "1 file could not be read: legacy/old.py:2",
    ]


def test_next_commands_are_about_the_worst_finding() -> None:
    assert text.render(RUN).split("\n\n")[-1].splitlines() == [
        "next: poolaudit advise src/load.py:17   which API this pool should use, and why",
        "      poolaudit explain PA201           the rule, with programs that show the harm",
    ]


def test_clean_is_one_line() -> None:
    assert text.render(CLEAN) == "All clean: 2 pools in 214 files (1 keep, 1 either)\n"
    assert text.render(EMPTY) == "All clean: no process pools in 214 files\n"
    changing = CLEAN._replace(files=(LOAD._replace(findings=(), readiness=(Ready((UNSEEN,)), Ready())),))
    assert text.render(changing) == (
        "All clean: 2 pools in 214 files (1 keep, 1 either)\n"
        "Python 3.14: 0 break, 1 may change, 1 unaffected (forkserver; spawn: the same)\n"
        "  may change    1  not seen\n"
    )


def readiness(*ready: Ready, targets: tuple[tuple[int, int], ...] = ((3, 13), (3, 14)), verbose: bool = False) -> list[str]:
    """The lines about Python 3.14."""
    report = CLEAN._replace(files=(LOAD._replace(findings=(), readiness=ready),), targets=targets)
    return text.render(report, verbose=verbose, width=80).partition("\n\n")[0].splitlines()[1:]


UNSEEN = Reason("change", "not seen", "`f` is not seen", None)


def test_is_it_ready() -> None:
    only = ((3, 14),)
    counts = "1 unaffected (forkserver; spawn: the same)"
    assert readiness(Ready(), targets=only) == ["Ready for Python 3.14: 0 break, 0 may change, " + counts]
    assert readiness(BREAKS, Ready(), targets=only)[0] == "Not ready for Python 3.14: 1 break, 0 may change, " + counts
    assert readiness(Ready((UNSEEN,)), Ready(), targets=only)[0] == "Python 3.14: 0 break, 1 may change, " + counts
    assert readiness(Ready()) == [], "all is said by: clean"


def test_what_only_spawn_does() -> None:
    spawned = Reason("break", "some-fault", "it breaks", None, "PA399", methods=("spawn",))
    assert readiness(Ready((spawned,)), Ready((UNSEEN,))) == [
        "Python 3.14: 0 break, 1 may change, 1 unaffected (forkserver; spawn: 1 break, 1 may change, 0 unaffected)",
        "  break         1  PA399 some-fault (spawn only)",
        "  may change    1  not seen",
    ]
    linux = Ready((spawned, UNSEEN), methods=("forkserver",))
    assert readiness(linux) == ["Python 3.14: 0 break, 1 may change, 0 unaffected (forkserver)", "  may change    1  not seen"]


def test_verbose_names_the_pools_of_each_reason() -> None:
    twice = Ready((UNSEEN, replace(UNSEEN, because="`g` is not seen", where=None)))
    assert readiness(twice, Ready((replace(UNSEEN, because="`h` is given by whoever calls it " * 3),)), verbose=True)[1:] == [
        "  may change    2  not seen",
        "                   src/load.py:12: `f` is not seen",
        "                   src/load.py:17: `h` is given by whoever calls it `h` is given",
        "                     by whoever calls it `h` is given by whoever calls it",
    ]


def test_suppressed_findings_are_silent_and_counted_when_verbose() -> None:
    assert "PA502" not in text.render(CLEAN)
    verbose = text.render(CLEAN, verbose=True)
    assert "1 finding suppressed" in verbose
    assert "types_or: [python, pyi, jupyter]" in verbose


def test_problems_without_a_file() -> None:
    report = EMPTY._replace(problems=(Problem("PA001", "no such folder"), Problem("PA999", "crashed", "a.py", 3)))
    assert text.render(report).splitlines()[:3] == ["PA001 [error]  no such folder", "", "a.py:3: PA999 [error]  crashed"]
    assert "2 problems: this report is not complete" in text.render(report)


def test_fixes_that_were_applied_are_told() -> None:
    assert "Fixed 3 findings in 2 files: a.py, b.py" in text.render(EMPTY._replace(changed=("a.py", "b.py"), fixes_applied=3))


def test_likely_is_said() -> None:
    likely = RUN._replace(files=(LOAD._replace(findings=(LAMBDA._replace(confidence="likely"),)),))
    assert "PA201 lambda-task [error, likely]  a lambda" in text.render(likely)


def test_related_place_in_another_file_has_a_frame_of_its_own() -> None:
    related = Related(Span(4, 7, "src/jobs.py"), "defined here")
    other = LAMBDA._replace(finding=replace(LAMBDA.finding, related=(related,)))
    facts = replace(LOAD.facts, other_texts={"src/jobs.py": "def job(x): ...\n"})
    rendered = text.render(RUN._replace(files=(LOAD._replace(facts=facts, findings=(other,)),)))
    assert "  --> src/jobs.py:1\n1 | def job(x): ...\n  |     --- defined here\n" in rendered


def test_statistics_are_sorted_by_number() -> None:
    report = RUN._replace(files=(LOAD._replace(findings=(INHERITED, INHERITED, LAMBDA)),))
    assert [line.split() for line in text.statistics(report).splitlines()] == [
        ["2", "PA305", "inherited-global", "warning", "2", "fixable"],
        ["1", "PA201", "lambda-task", "error", "1", "fixable"],
    ]
    assert text.statistics(EMPTY) == ""


@pytest.mark.parametrize("report", [RUN, CLEAN, EMPTY])
def test_colour_changes_nothing_but_colour(report: Report) -> None:
    colored = text.render(report, color=True)
    assert ANSI.sub("", colored) == text.render(report)
    assert colored != text.render(report)


def test_file_names_cannot_steer_the_terminal() -> None:
    evil = LOAD._replace(path="a\033[2Jb\n.py", facts=replace(sample.facts(), path="a\033[2Jb\n.py"), findings=(LAMBDA,))
    rendered = text.render(RUN._replace(files=(evil._replace(facts=LOAD.facts),)))
    assert "\033" not in rendered
    assert "b\n.py" not in rendered


# --- frames


def test_lines_between_are_elided_and_neighbours_are_not() -> None:
    source = "one\ntwo\nthree\nfour\n"
    marks = [Mark(span_of(word, source)) for word in ("one", "two", "four")]
    assert framed(source, *marks).splitlines() == [
        "1 | one", "  | ---", "2 | two", "  | ---", "...", "4 | four", "  | ----",
    ]  # fmt: skip


def test_two_marks_on_one_line() -> None:
    source = "with Pool(8) as pool:\n"
    marks = [Mark(span_of("pool", source), "bound"), Mark(span_of("Pool(8)", source), "built", primary=True)]
    assert framed(source, *marks).splitlines() == [
        "1 | with Pool(8) as pool:",
        "  |      ^^^^^^^ built",
        "  |                 ---- bound",
    ]


def test_tabs_keep_their_stops() -> None:
    assert marked("\tx\t= Pool()\n", "Pool()").splitlines() == ["1 |     x   = Pool()", "  |           ^^^^^^ here"]


def test_wide_and_combining_characters_are_aligned() -> None:
    line, underline = marked("名前 = cafe\u0301; Pool()\n", "Pool()").splitlines()
    before = line[: line.index("Pool")]
    assert width_of(before) == underline.index("^")


def test_control_characters_do_not_reach_the_terminal() -> None:
    shown = marked("x = '\033[31m\u202e'; Pool()\n", "Pool()")
    assert "\033" not in shown
    assert "\u202e" not in shown
    assert shown.splitlines()[1].index("^") == shown.splitlines()[0].index("Pool")
    assert harmless("a\rb") == "a\ufffdb"


@pytest.mark.parametrize("needle", ["first", "middle", "last"])
def test_long_lines_are_cut_around_the_span(needle: str) -> None:
    source = f"first = [{'1, ' * 80}middle, {'2, ' * 80}last]\n"
    line, underline = marked(source, needle, width=60).splitlines()
    assert len(line) <= 60
    start = underline.index("^")
    assert line[start : start + len(needle)] == needle
    assert underline.count("^") == len(needle)
    assert ("..." in line[:8]) == (needle != "first")


def test_span_longer_than_the_line_stays_within() -> None:
    source = "x = call(" + "argument, " * 40 + ")\n"
    line, underline, *_ = framed(source, Mark(Span(4, len(source) - 1), "long", primary=True), width=60).splitlines()
    assert max(len(line), len(underline)) <= 60


def test_long_labels_wrap_below() -> None:
    rows = marked("x = Pool()\n", "Pool()", "word " * 30, width=60).splitlines()
    assert len(rows) > 3
    assert max(map(len, rows)) <= 60


def test_span_over_several_lines_is_marked_on_the_first() -> None:
    source = "pool = Pool(\n    8,\n)\n"
    assert framed(source, Mark(Span(7, len(source) - 1), "", primary=True)).splitlines() == [
        "1 | pool = Pool(",
        "  |        ^^^^^",
    ]


def test_empty_span_at_the_end_of_the_file() -> None:
    assert framed("x = 1", Mark(Span(5, 5), "ends here")).splitlines() == ["1 | x = 1", "  |      - ends here"]


def test_lines_end_where_python_ends_them() -> None:
    lines = Lines("a\r\nb\rc\n\fd\u2028e\n")
    assert [lines.text_of(number) for number in (1, 2, 3, 4)] == ["a", "b", "c", "\fd\u2028e"]
    assert lines.place(3) == (2, 1)
    assert lines.place(10_000) == (5, 1)

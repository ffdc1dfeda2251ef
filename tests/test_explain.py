"""Rule pages, the list of rules and the tree, in their three formats."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from poolaudit import explain
from poolaudit.catalog import find, rules
from poolaudit.rule import Rule

DOC = """Work is lost.

Why it hurts: the worker is killed
in the middle.

More of why.

When it is fine: never.

Limitations: none that are known.
"""
RUN = """\
bad.py  3.13 x fork: exit 0
  out | all | is well

bad.py  3.13 x spawn forkserver, 3.14 x fork spawn forkserver: one of
  - exit 1
    err | my.module.LostError: work
  - hangs (killed after 3 s)

good.py  3.13 3.14 x fork spawn forkserver: exit 0
  out | done
"""
RULE = Rule(code="PA999", name="lost-work", severity="error", default=False, fix="safe", supersedes=("PA501",), doc=DOC)


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    folder = tmp_path / "PA999-lost-work"
    folder.mkdir()
    (folder / "bad.py").write_text("import os\nrun(1)\n", "utf-8")
    (folder / "good.py").write_text("import os\nlist(run(1))\n", "utf-8")
    (folder / "run.txt").write_text(RUN, "utf-8")
    (folder / "report.txt").write_text("bad.py:2:1: PA999 lost-work [error]  lost\n", "utf-8")
    return tmp_path


def test_a_docstring_becomes_summary_and_sections(fixtures: Path) -> None:
    page = explain.page(RULE, fixtures)
    assert page.summary == "Work is lost."
    assert page.sections == (
        ("Why it hurts", "The worker is killed in the middle.\n\nMore of why."),
        ("When it is fine", "Never."),
        ("Limitations", "None that are known."),
    )
    assert page.facts == "error, opt-in (--extend-select PA999), safe fix, replaces PA501 on the same line"


def test_programs_are_one_diff_with_every_line(fixtures: Path) -> None:
    page = explain.page(RULE, fixtures)
    assert page.programs == "--- bad.py\n+++ good.py\n@@ -1,2 +1,2 @@\n import os\n-run(1)\n+list(run(1))\n"
    assert page.transcript == RUN


def test_programs_of_several_files(tmp_path: Path) -> None:
    for stem, text in (("bad", "run(1)\n"), ("good", "list(run(1))\n")):
        folder = tmp_path / "PA999-lost-work" / stem
        folder.mkdir(parents=True)
        (folder / "main.py").write_text(text, "utf-8")
        (folder / "same.py").write_text("X = 1\n", "utf-8")
    programs = explain.page(RULE, tmp_path).programs
    assert "--- bad/main.py\n+++ good/main.py\n" in programs
    assert "--- bad/same.py\n+++ good/same.py\n X = 1\n" in programs


def test_a_program_that_is_undecodable_on_purpose(tmp_path: Path) -> None:
    folder = tmp_path / "PA999-lost-work"
    folder.mkdir()
    (folder / "bad.py").write_bytes(b"# gel\xe9e\n")
    (folder / "good.py").write_bytes("# gelée\n".encode())
    assert "-# gel\ufffde\n+# gelée\n" in explain.page(RULE, tmp_path).programs


def test_a_rule_without_programs_has_a_page(tmp_path: Path) -> None:
    assert explain.page(RULE, tmp_path).programs == ""


def test_a_rule_without_a_docstring_has_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="PA999 has no docstring"):
        explain.page(Rule(code="PA999", name="x-y", severity="info"), tmp_path)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.code)
def test_every_rule_says_why_and_when_it_is_fine(rule: Rule) -> None:
    page = explain.page(rule)
    assert page.summary.endswith(".")
    headings = [heading for heading, _ in page.sections]
    assert {"Why it hurts", "When it is fine", "Limitations"} <= set(headings)
    assert "Fix" in headings or rule.fix == "none"
    assert "FILL IN" not in rule.doc


@pytest.mark.parametrize("width", [80, 120])
def test_text_keeps_to_the_width_outside_programs(width: int) -> None:
    talkative = replace(RULE, doc=DOC.replace("\n", " and then some more of it\n"))
    assert max(map(len, explain.text(talkative, width=width).splitlines())) <= width


def test_what_can_be_done_about_it(fixtures: Path) -> None:
    def ends(rule: Rule) -> list[str]:
        return explain.text(rule).rpartition("\n\n")[2].splitlines()

    files = 'To silence it for files: per-file-ignores = {"path/*.py" = ["%s"]}'
    line = "To keep a line as it is: # poolaudit: ignore[lost-work] the reason"
    see = "To see the fix: poolaudit scan --diff --select PA999 PATH"
    on = 'To turn it on: extend-select = ["PA999"]'
    assert ends(RULE) == [see, files % "PA999", on], "a rule about the run has no line"
    asked = replace(RULE, check_file=lambda file, settings: iter(()))
    assert ends(asked) == [see, line, files % "PA999", on]
    assert ends(replace(asked, fix="none", default=True)) == [line, files % "PA999"]
    assert ends(replace(asked, fix="sometimes"))[0] == "To see the fix: poolaudit scan --diff --unsafe-fixes --select PA999 PATH"


def test_what_running_gives_is_a_table(fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "page", partial(explain.page, fixtures=fixtures))
    shown = explain.text(RULE, width=90).partition("What running them gives\n")[2].splitlines()
    assert shown[:5] == [
        "           Python      fork                         spawn, forkserver",
        "  bad.py   3.13        no error, but all | is well  LostError or hangs",
        "           3.14        LostError or hangs           LostError or hangs",
        "  good.py  3.13, 3.14  fine                         fine",
        "",
    ]
    assert shown[5] == "  bad.py  3.13 x fork: exit 0", "the transcript follows"
    assert "\nWhat is reported of it\n  bad.py:2:1: PA999 lost-work [error]  lost\n\n" in explain.text(RULE)
    assert "\n## What is reported of it\n\n```text\nbad.py:2:1: PA999 lost-work [error]  lost\n```\n" in explain.markdown(RULE)
    narrow = explain.text(RULE, width=60).partition("What running them gives\n")[2].partition("\n\n")[0]
    assert max(map(len, narrow.splitlines())) <= 60
    assert "| bad.py | 3.13 | no error, but `all \\| is well` | `LostError` or hangs |\n|  | 3.14 |" in explain.markdown(RULE)
    rows = explain.data(RULE)["matrix"]
    ends = [{"kind": "raises", "detail": "LostError"}, {"kind": "hangs", "detail": ""}]
    assert {"program": "bad.py", "versions": ["3.14"], "methods": ["spawn", "forkserver"], "ends": ends} in rows


def test_notebooks_are_shown_as_their_cells(tmp_path: Path) -> None:
    folder = tmp_path / "PA999-lost-work" / "bad"
    folder.mkdir(parents=True)
    cells = [{"cell_type": "markdown", "source": ["text"]}, {"cell_type": "code", "source": ["x = 1\n", "%time f(x)"]}]
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (folder / "main.ipynb").write_text(json.dumps(document), "utf-8")
    assert "-# cell 2\n-x = 1\n-%time f(x)\n" in explain.page(RULE, tmp_path).programs


def test_what_the_default_start_method_changes(tmp_path: Path) -> None:
    def rule(code: str, before: str, since: str) -> Rule:
        folder = tmp_path / f"{code}-lost-work"
        folder.mkdir()
        (folder / "run.txt").write_text(
            f"bad.py  3.13 x fork: {before}\n\nbad.py  3.14 x forkserver: {since}\n\n"
            "good.py  3.13 3.14 x fork spawn forkserver: exit 0\n"
        )
        return replace(RULE, code=code)

    rules = [
        rule("PA902", "exit 1\n  err | KeyError: 1", "exit 1\n  err | ValueError: 1"),
        rule("PA901", "exit 0", "hangs (killed after 3 s)"),
        rule("PA903", "exit 0", "exit 0"),
        replace(RULE, code="PA904"),
    ]
    assert explain.default_table(rules, "rules", tmp_path) == (
        "| rule | 3.13, fork | 3.14, forkserver |\n|---|---|---|\n"
        "| [PA901 lost-work](rules/PA901-lost-work.md) | fine | hangs |\n"
    )


def test_what_changes_from_one_python_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('"""One is asked."""\n')
    (tmp_path / "two.py").write_text("print(2)\n")
    (tmp_path / "run.txt").write_text(
        "one.py  3.9 3.10 3.11 x default: exit 0\n  out | a\n  out | b\n\none.py  3.12 x default: exit 1\n  err | KeyError: 1\n\n"
        "two.py  3.9 3.10 3.11 3.12 x default: hangs (killed after 3 s)\n"
    )
    assert explain.changes_table(tmp_path) == (
        "| program | 3.9 to 3.11 | 3.12 |\n|---|---|---|\n| One is asked (`one.py`) | `a b` | `KeyError` |\n"
        "| two.py (`two.py`) | hangs | hangs |\n"
    )


def test_markdown_is_a_page() -> None:
    page = explain.markdown(find("PA501"))
    assert page.startswith("# PA501 discarded-result\n")
    assert "\n## Why it hurts\n" in page
    assert "```diff\n--- bad.py\n+++ good.py\n" in page


def test_json_lists_what_the_text_says() -> None:
    (record,) = json.loads(explain.render([find("PA501")], "json"))
    assert (record["code"], record["name"], record["severity"]) == ("PA501", "discarded-result", find("PA501").severity)
    assert record["sections"][0]["heading"] == "Why it hurts"


def test_the_list_names_every_rule_in_every_format() -> None:
    listed = json.loads(explain.listing(rules(), "json"))
    assert [rule["code"] for rule in listed] == [rule.code for rule in rules()]
    for form in ("text", "markdown"):
        assert all(rule.code in explain.listing(rules(), form) for rule in rules())


def test_the_tree_in_every_format() -> None:
    assert "KEEP-POOL (must)" in explain.tree()
    assert explain.tree("markdown") == f"```text\n{explain.tree()}```\n"
    assert json.loads(explain.tree("json"))["root"] == 0

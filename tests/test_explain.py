"""Rule pages, the list of rules and the tree, in their three formats."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

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
RULE = Rule(code="PA999", name="lost-work", severity="error", default=False, fix="safe", supersedes=("PA501",), doc=DOC)


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    folder = tmp_path / "PA999-lost-work"
    folder.mkdir()
    (folder / "bad.py").write_text("import os\nrun(1)\n", "utf-8")
    (folder / "good.py").write_text("import os\nlist(run(1))\n", "utf-8")
    (folder / "run.txt").write_text("bad.py  3.14 x fork: exit 1\n", "utf-8")
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
    assert page.transcript == "bad.py  3.14 x fork: exit 1\n"


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
    assert "FILL IN" not in rule.doc


@pytest.mark.parametrize("width", [80, 120])
def test_text_keeps_to_the_width_outside_programs(width: int) -> None:
    talkative = replace(RULE, doc=DOC.replace("\n", " and then some more of it\n"))
    assert max(map(len, explain.text(talkative, width=width).splitlines())) <= width


def test_how_to_silence_it() -> None:
    line = "To keep a line as it is: # poolaudit: ignore[discarded-result] the reason"
    assert explain.text(find("PA501")).splitlines()[-1] == line
    file = 'To silence it for a file: per-file-ignores = {"path/*.py" = ["PA001"]}'
    assert explain.text(find("PA001")).splitlines()[-1] == file


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

"""The docs say what the code does: generated parts are up to date, links lead somewhere, tables name every key.

Knows the project's pages. Must never know how a page is laid out.
"""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from poolaudit import config
from test_report_json import REPORT

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "fixtures" / "README.md"]
GENERATE = runpy.run_path(str(ROOT / "scripts" / "generate_docs.py"))


def test_generated_pages_are_up_to_date() -> None:
    stale = [path.name for path, text in GENERATE["wanted"](ROOT).items() if text != GENERATE["current"](path)]
    assert stale == [], "run: python scripts/generate_docs.py"


@pytest.mark.parametrize("program", sorted((ROOT / "fixtures" / "python-3.14").glob("*.py")), ids=lambda path: path.stem)
def test_every_change_of_python_3_14_is_described(program: Path) -> None:
    """The first line of a program is its row in the table."""
    summary = ast.get_docstring(ast.parse(program.read_text("utf-8"))) or ""
    assert re.fullmatch(r"\S.{10,90}\.", summary)


def test_an_unknown_marker_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody knows"):
        GENERATE["generated"]("nonsense", "", ROOT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


def test_usage_names_every_configuration_key() -> None:
    usage = (ROOT / "docs" / "usage.md").read_text("utf-8")
    table = usage.partition("| key |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == set(config.KEYS)


def test_usage_names_every_json_key() -> None:
    usage = (ROOT / "docs" / "usage.md").read_text("utf-8")
    contract = usage.partition("```text")[2].partition("```")[0]
    kept_short = {"verdicts", "blockers", "to", "status", "unlock", "keep-executor"}
    assert set(keys(REPORT)) - set(re.findall(r"[a-z_]+", contract)) - kept_short <= VERDICTS


VERDICTS = {"keep-executor", "use-executor", "keep-pool", "use-pool", "either", "leave", "undecided"}


def keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            yield from keys(value)
    elif isinstance(schema, (list, tuple)):
        for each in schema:
            yield from keys(each)

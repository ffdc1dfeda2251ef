"""A new rule starts from templates that fail until they are filled in."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from poolaudit.rule import Rule

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "new_rule.py"


def new_rule(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments, "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_it_writes_a_rule_and_its_programs(tmp_path: Path) -> None:
    done = new_rule(tmp_path, "PA450", "some-fault", "lifetime")
    assert (done.returncode, done.stderr) == (0, "")
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {
        "src/poolaudit/rules/lifetime/some_fault.py",
        "fixtures/PA450-some-fault/bad.py",
        "fixtures/PA450-some-fault/good.py",
        "fixtures/PA450-some-fault/silent.py",
    }
    assert written <= set(done.stdout.splitlines())


def test_the_rule_loads_and_is_not_done(tmp_path: Path) -> None:
    new_rule(tmp_path, "PA450", "some-fault", "lifetime")
    rule = runpy.run_path(str(tmp_path / "src/poolaudit/rules/lifetime/some_fault.py"))["RULE"]
    assert isinstance(rule, Rule)
    assert (rule.code, rule.name) == ("PA450", "some-fault")
    assert "FILL IN" in rule.doc
    bad = subprocess.run(
        [sys.executable, tmp_path / "fixtures/PA450-some-fault/bad.py"], capture_output=True, check=False, timeout=60
    )
    assert b"NotImplementedError: FILL IN" in bad.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("PA45", "some-fault", "lifetime"), "is not PA and three digits"),
        (("PA450", "SomeFault", "lifetime"), "is not words joined by hyphens"),
        (("PA450", "some-fault", "results"), "codes PA4xx belong to lifetime"),
        (("PA450", "some-fault", "nonsense"), "invalid choice"),
        (("PA401", "some-fault", "lifetime"), "there is PA401-unclosed-pool already"),
        (("PA450", "unclosed-pool", "lifetime"), "there is PA401-unclosed-pool already"),
    ],
)
def test_what_it_refuses(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    (tmp_path / "fixtures" / "PA401-unclosed-pool").mkdir(parents=True)
    done = new_rule(tmp_path, *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert not (tmp_path / "src").exists()


def test_topics_are_the_folders_of_rules() -> None:
    topics = runpy.run_path(str(SCRIPT))["TOPICS"]
    assert set(topics) == {path.parent.name for path in (ROOT / "src" / "poolaudit" / "rules").glob("*/__init__.py")}

"""Diffs are patches: what `patch` and git make of them is the new text, byte for byte."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from poolaudit.report.diff import painted, patch, unified

PAIRS = {
    "plain": ("a\nb\nc\n", "a\nB\nc\n"),
    "form feed and line separator": ("a\n\fb\u2028c\x0bd\ne\n", "a\n\fb\u2028C\x0bd\ne\n"),
    "carriage returns": ("a\r\nb\r\nc\r\n", "a\r\nB\r\nc\r\n"),
    "no last newline": ("a\nb", "a\nB"),
    "last newline added": ("a\nb", "a\nb\n"),
    "empty before": ("", "a\n"),
}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize(("before", "after"), PAIRS.values(), ids=PAIRS)
def test_git_applies_it(tmp_path: Path, before: str, after: str) -> None:
    target = tmp_path / "x.py"
    target.write_bytes(before.encode())
    change = patch(before, after, "x.py").encode()
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"], input=change, cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.stderr, target.read_bytes()) == (b"", after.encode())


def test_nothing_changed_is_nothing() -> None:
    assert patch("a\n", "a\n", "x.py") == ""


def test_absolute_paths_stay_as_they_are() -> None:
    assert patch("a\n", "b\n", "/x.py").startswith("--- /x.py\n+++ /x.py\n")


def test_whole_shows_every_line() -> None:
    before = "".join(f"{number}\n" for number in range(50))
    assert unified(before, before.replace("25\n", ""), "bad.py", "good.py", whole=True).count("\n") == 53


def test_colour_is_all_that_painting_adds() -> None:
    change = patch("a\nb\n", "a\nB\n", "x.py")
    assert painted(change, color=False) == change
    assert "\033[31m-b\033[0m\n\033[32m+B\033[0m\n" in painted(change, color=True)

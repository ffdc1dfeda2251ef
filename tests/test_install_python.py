"""Interpreters for the proofs are installed once, by the first way that works, or not at all and with the reasons.

Knows ways that stand in for the network. Must never download anything.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proof.interpreters import INSTALLED

SCRIPT = runpy.run_path(str(Path(__file__).resolve().parent.parent / "scripts" / "install_python.py"))
install: Callable[..., Path | None] = SCRIPT["install"]
Impossible = SCRIPT["Impossible"]
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def refuses(version: str, folder: Path) -> Path:
    raise Impossible("no network")


def running(version: str, folder: Path) -> Path:
    """A wrapper of the running interpreter: what starts workers is sys.executable, as with a real one."""
    interpreter = folder / "wrapped"
    interpreter.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    interpreter.chmod(0o755)
    return interpreter


def broken(version: str, folder: Path) -> Path:
    interpreter = folder / "broken"
    interpreter.write_text("#!/bin/sh\nexit 1\n")
    interpreter.chmod(0o755)
    return interpreter


def test_the_first_way_that_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = install(HERE, tmp_path, (refuses, broken, running))
    assert link == tmp_path / "bin" / f"python{HERE}"
    assert link.resolve() == tmp_path / "wrapped"
    assert capsys.readouterr().err == f"{HERE} refuses: no network\n{HERE} broken: what was installed does not start\n"


def test_what_is_there_stays(tmp_path: Path) -> None:
    assert install(HERE, tmp_path, (running,)) == install(HERE, tmp_path, (refuses,))


def test_another_version_is_not_taken_for_it(tmp_path: Path) -> None:
    assert install("3.7", tmp_path, (running,)) is None


def test_no_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(SCRIPT["main"].__globals__, "by_uv", refuses)
    monkeypatch.setitem(SCRIPT["main"].__globals__, "by_debian", refuses)
    monkeypatch.setattr(sys, "argv", ["install_python.py", "3.7", "--to", str(tmp_path)])
    assert SCRIPT["main"]() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("Python 3.7 cannot be had here")


@pytest.mark.parametrize("version", ["3", "2.7", "3.14.1", "latest"])
def test_only_minor_versions(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["install_python.py", version])
    with pytest.raises(SystemExit):
        SCRIPT["main"]()


def test_a_command_that_fails_says_why() -> None:
    run: Callable[[list[str]], Any] = SCRIPT["_run"]
    with pytest.raises(Impossible, match=r"^python[\d.]*: the end$"):
        run([sys.executable, "-c", "import sys; sys.exit('first\\nthe end')"])
    with pytest.raises(Impossible, match="no-such-command"):
        run(["no-such-command"])


def test_the_proofs_look_where_it_installs() -> None:
    assert SCRIPT["PYTHONS"] / "bin" == INSTALLED

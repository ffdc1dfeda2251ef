"""Runs one program alone in a folder and says what is seen of it from outside: stdout, exit status, the files it leaves.

Knows how a program is staged and what counts as seen. Must never know which programs are compared, nor why.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace

# a pair is compared by all of stdout and by files, of which a fixture's Outcome keeps less: the same steps, gathered otherwise
from proof.running import HANGS, LIMIT, PATIENCE, Method, Outcome, exception_line, execute, normalised

PROGRAM = "program.py"
"""Both programs of a pair run under one name, so that nothing that prints it differs."""


def observe(
    program: Path,
    companions: Iterable[Path],
    interpreter: Path,
    method: Method,
    hang_expected: bool = False,
    limit: float = LIMIT,
) -> Outcome:
    """What `program` does in a folder that holds nothing but it and `companions`.

    `out` holds every line of stdout, then `[file] NAME | LINE` for the files it left. A program that is still running after
    `limit` seconds hangs where that is expected; otherwise it is run again with PATIENCE.
    """
    outcome = _once(program, companions, interpreter, method, limit)
    if outcome.status == HANGS and not hang_expected:
        outcome = _once(program, companions, interpreter, method, PATIENCE)
    return outcome


def seen(outcome: Outcome) -> Outcome:
    """Without stderr: tracebacks name classes of the library, which a rewrite may change."""
    return replace(outcome, err="")


def _once(program: Path, companions: Iterable[Path], interpreter: Path, method: Method, limit: float) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="poolaudit-", ignore_cleanup_errors=True) as scratch:
        home = Path(scratch) / "run"
        home.mkdir()
        shutil.copyfile(program, home / PROGRAM)
        for companion in companions:
            shutil.copyfile(companion, home / companion.name)
        given = set(home.iterdir())
        status, printed, complained = execute(interpreter, PROGRAM, home, Path(scratch), method, limit)
        files = [line for path in sorted(set(home.rglob("*")) - given) for line in _lines(path, home, Path(scratch))]
    failed = status not in ("exit 0", HANGS)
    return Outcome(status, (*printed.splitlines(), *files), exception_line(complained) if failed else "")


def _lines(path: Path, home: Path, scratch: Path) -> Iterator[str]:
    if path.is_dir() or "__pycache__" in path.parts:
        return
    text = normalised(path.read_bytes().decode("utf-8", "backslashreplace"), scratch)
    for line in text.splitlines() or [""]:
        yield f"[file] {path.relative_to(home).as_posix()} | {line}".rstrip()

"""Runs one program on one interpreter with one default start method, and says how it ended in words that do not vary.

Knows processes, time limits and what differs from run to run. Must never know what a program ought to do.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from poolaudit.transcript import METHODS, Method, Outcome

from . import notebook

__all__ = ["HANGS", "LIMIT", "METHODS", "PATIENCE", "Method", "Outcome", "exception_line", "execute", "normalised", "run"]

LIMIT = 3.0
"""Seconds after which a program is said to hang."""

PATIENCE = 30.0
"""Seconds before a hang that nobody expected is believed: a busy machine is slow, too."""

LINES = 6
"""How many of the last lines of stdout are kept."""

HANGS = f"hangs (killed after {LIMIT:.0f} s)"

STARTMETHOD = Path(__file__).resolve().parent / "startmethod"


def run(
    folder: Path,
    program: Path,
    interpreter: Path,
    method: Method,
    expected: Collection[Outcome] = (),
    limit: float = LIMIT,
) -> Outcome:
    """Runs `program` (relative to `folder`) in a fresh copy of `folder`. `method` 'default': the interpreter's own.

    A program that still runs after `limit` seconds hangs when it has done until then what is `expected` of a hang; otherwise it
    is run again with PATIENCE: on a busy machine it may not have come so far.
    """
    outcome = _run_once(folder, program, interpreter, method, limit)
    if outcome.status == HANGS and outcome not in expected:
        outcome = _run_once(folder, program, interpreter, method, max(limit, PATIENCE))
    return outcome


def _run_once(folder: Path, program: Path, interpreter: Path, method: Method, limit: float) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="poolaudit-", ignore_cleanup_errors=True) as scratch:
        home = Path(scratch) / "run"
        shutil.copytree(folder, home, ignore=shutil.ignore_patterns("__pycache__"))
        status, out, err = execute(interpreter, program.name, home / program.parent, Path(scratch), method, limit)
    return Outcome(status, tuple(out.splitlines()[-LINES:]), exception_line(err))


def execute(interpreter: Path, program: str, cwd: Path, scratch: Path, method: Method, limit: float) -> tuple[str, str, str]:
    """Runs `program` in the folder `cwd` below the temporary folder `scratch`: status, all of stdout and of stderr, normalised.

    Nothing of the process group survives, however the program ended.
    """
    command = notebook.command(interpreter, program) if program.endswith(".ipynb") else [str(interpreter), program]
    with open(scratch / "out", "w+b") as out, open(scratch / "err", "w+b") as err:
        # files, not pipes: a worker that outlives the program would keep a pipe open
        status = _run_in_group(command, cwd, _environment(scratch, method), out.fileno(), err.fileno(), limit)
        return status, normalised(_read(out), scratch), normalised(_read(err), scratch)


def _environment(scratch: Path, method: Method) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    mine = {
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(scratch),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if method != "default":
        mine |= {"PYTHONPATH": str(STARTMETHOD), "POOLAUDIT_PROOF_METHOD": method}
    return kept | mine


def _run_in_group(command: list[str], cwd: Path, environment: dict[str, str], out: int, err: int, limit: float) -> str:
    """The exit status in words."""
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
    )
    try:
        code = process.wait(limit)
    except subprocess.TimeoutExpired:
        return HANGS
    finally:
        with suppress(ProcessLookupError):  # nobody is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"exit {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


_TAIL = 200_000


def _read(stream: BinaryIO) -> str:
    """The last part of a stream: a pool that respawns its workers writes megabytes."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    return stream.read().decode("utf-8", "replace")


_VARYING = (
    (re.compile(r"\bat 0x[0-9a-fA-F]+"), "at 0x..."),
    (re.compile(r"\b(?:Fork|Spawn|ForkServer)?(PoolWorker|Process)-\d+(?::\d+)*"), r"\1-N"),
    (re.compile(r"\b(pid[ =:]+)\d+"), r"\1N"),
    (re.compile(r"<(Task|Future|Thread)(\S*) \d+"), r"<\1\2 N"),
    (re.compile(r"\b(?:tmp|pymp-|psm_|mp-)[a-z0-9_]{8}\b"), "TEMPORARY"),
    (re.compile(r"\bpython3(?:\.\d+)?\b"), "python3"),
)
_ABSOLUTE = re.compile(r"(?<![\w:/.])/(?:[\w.+@-]+/)+([\w.+-]+)")


def normalised(text: str, scratch: Path) -> str:
    """Without what differs between two runs, machines or start methods: paths, addresses, process ids, temporary names."""
    text = text.replace(f"{scratch}/run/", "").replace("\r", "")
    text = _ABSOLUTE.sub(r"\1", text)
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


_TRACEBACK = "Traceback (most recent call last):"


def exception_line(text: str) -> str:
    """The line that names the last exception; without a traceback the last line. The resource tracker mutters now and then."""
    found, in_traceback = "", False
    lines = [line for line in text.splitlines() if line.strip() and "resource_tracker" not in line]
    for line in lines:
        if line.startswith(_TRACEBACK):
            in_traceback = True
        elif in_traceback and not line.startswith((" ", "\t")):
            found, in_traceback = line, False
    return (found or (lines[-1] if lines else "")).strip()

"""Commands run in turn, what they cost, and the arithmetic on it.

Knows wait4, medians, ratios of rounds that belong together and the exponent of growth. Must never know which tools are compared,
a tree or a table.
"""

from __future__ import annotations

import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

CORES = 2
"""Processors that everything is bound to, where the system can do that: what a tool starts by itself follows."""

TIMEOUT = 300.0
"""Seconds after which a command counts as failed."""

SLOW = 10.0
"""Seconds. Commands that take longer run `FEW` rounds only."""
FEW = 2


@dataclass(frozen=True, slots=True)
class Command:
    """One program with its arguments."""

    name: str
    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """What is set beside the environment of this process."""
    statuses: Collection[int] = (0,)
    """How it may end: linters end with 1 when they find something."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run cost, the processes that it started and waited for included."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system."""


class Failed(Exception):
    """A command ended in another way than it may; the message says how."""


def bind() -> int:
    """Binds this process, and what it starts, to CORES processors; gives how many are usable then."""
    if sys.platform != "linux":
        return os.cpu_count() or 1
    usable = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, usable)
    return len(usable)


def run(command: Command, timeout: float = TIMEOUT) -> Sample:
    """Runs it once. Raises Failed."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = _started(command, output)
        overdue = threading.Timer(timeout, _end, [process])
        overdue.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            overdue.cancel()
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in command.statuses:
            raise Failed(_complaint(process.returncode, output))
    # no memory: Linux counts the pages of whoever starts a process as the process's own peak
    return Sample(wall, usage.ru_utime + usage.ru_stime)


def _started(command: Command, output: IO[bytes]) -> subprocess.Popen[bytes]:
    # byte code is written and read, as it is for users
    left_out = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    try:
        return subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env={**environment, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(str(error)) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _complaint(status: int, output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
    return f"status {status}: {last}"


def memory(command: Command, interval: float = 0.02) -> float | None:
    """The most MiB that all of its processes held together, shared pages counted once; None where the system does not tell.

    Runs it once, looking every `interval` seconds. Raises Failed.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    most = 0.0
    with tempfile.TemporaryFile() as output:
        process = _started(command, output)
        overdue = threading.Timer(TIMEOUT, _end, [process])
        overdue.start()
        try:
            while process.poll() is None:
                most = max(most, sum(map(_share, _family(process.pid))))
                time.sleep(interval)
        finally:
            overdue.cancel()
        if process.returncode not in command.statuses:
            raise Failed(_complaint(process.returncode, output))
    return most


def _family(process: int) -> Iterable[int]:
    yield process
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return  # it has ended meanwhile
    for child in children:
        yield from _family(child)


def _share(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has ended meanwhile
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def in_turn(commands: Sequence[Command], rounds: int) -> dict[str, list[Sample]]:
    """The samples by the command's name: every command once, then every command once more, and so on, so that what else the
    machine does meets all alike. One that fails is named, and is missing in the result."""
    samples: dict[str, list[Sample]] = {command.name: [] for command in commands}
    for number in range(rounds):
        for command in commands:
            taken = samples.get(command.name)
            if taken is None or (number >= FEW and taken[0].wall > SLOW):
                continue
            try:
                taken.append(run(command))
            except Failed as error:
                note(f"left out: {command.name}: {error}")
                del samples[command.name]
    return samples


def note(message: str) -> None:
    """Tells how the run comes along; the result is what is printed to standard output."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as much: the median of rounds, and their extremes."""

    middle: float
    least: float
    most: float


def ratio(these: Sequence[float], those: Sequence[float]) -> Ratio:
    """Round by round, what ran one after the other: the ratio of two medians would compare different moments."""
    each = [this / that for this, that in zip(these, those, strict=False)]
    return Ratio(statistics.median(each), min(each), max(each))


def median(numbers: Iterable[float]) -> float:
    return statistics.median(numbers)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The b of y = a * x ** b that fits best: 1 is linear growth, 2 quadratic. Least squares on logarithms.

    Raises ValueError for fewer than two different x, or for what is not positive.
    """
    logs = [(math.log(x), math.log(y)) for x, y in points]
    return statistics.linear_regression([x for x, _ in logs], [y for _, y in logs]).slope

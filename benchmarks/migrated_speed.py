"""How fast migrated code is against the Pool that it was: 10,000 trivial tasks, both programs in turn.

    python benchmarks/migrated_speed.py [--python PATH]... [--tasks N] [--rounds N]

Prints two tables of ratios, time of the executor / time of the Pool, and the caveats of the plan: of the whole `with` block,
which starts and ends the workers, and of the call alone, by workers that have worked before. Each program does it seven times,
and its median counts; of the rounds the median again.
Knows poolaudit's own steps, and writes programs into a temporary folder.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from poolaudit.config import Config
from poolaudit.migrating import Migration, migrated
from poolaudit.selection import Selection
from poolaudit.source import from_text

PROGRAM = """\
import time
from multiprocessing import Pool


def task(x):
    return x


def pair(x, y):
    return x


def main(tasks):
    numbers = list(range(tasks))
    begun = time.perf_counter()
    with Pool(2) as pool:
        pool.map(task, [1, 2, 3, 4])
        start = time.perf_counter()
        {form}
        end = time.perf_counter()
    return time.perf_counter() - begun, end - start


if __name__ == "__main__":
    import statistics
    import sys

    rounds = [main(int(sys.argv[1])) for _ in range(7)]
    print(*(statistics.median(times) for times in zip(*rounds)))
"""
WHOLE, CALL = 0, 1
"""What each program prints."""
FORMS = {
    "map": "pool.map(task, numbers)",
    "map, chunksize=100": "pool.map(task, numbers, 100)",
    "starmap of zip": "pool.starmap(pair, zip(numbers, numbers))",
    "starmap of pairs": "pool.starmap(pair, [(x, x) for x in numbers])",
    "starmap of anything": "pool.starmap(pair, map(tuple, [(x, x) for x in numbers]))",
    "map_async": "pool.map_async(task, numbers).get()",
    "imap, chunksize=100": "list(pool.imap(task, numbers, 100))",
    "imap": "list(pool.imap(task, numbers))",
    "imap_unordered, chunksize=100, summed": "sum(pool.imap_unordered(task, numbers, chunksize=100))",
    "imap_unordered": "list(pool.imap_unordered(task, numbers))",
    "apply_async": "[handle.get() for handle in [pool.apply_async(task, (x,)) for x in numbers]]",
}
LIMIT = 2.5
"""A whole block that is slower than this must carry a caveat."""


@click.command()
@click.option("--python", "pythons", multiple=True, default=[sys.executable], help="Interpreters to measure with.")
@click.option("--tasks", default=10_000, help="Number of tasks.")
@click.option("--rounds", default=5, help="How often both programs run in turn.")
def main(pythons: tuple[str, ...], tasks: int, rounds: int) -> None:
    """Prints the table; status 1 when a form is slower than 2.5 times the Pool without a caveat that says so."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, form in FORMS.items():
            before, after, caveats = _programs(Path(folder), form)
            rows.append((name, [_ratios(python, before, after, tasks, rounds) for python in pythons], caveats))
    for title, which in (("the whole block", WHOLE), ("the call alone", CALL)):
        click.echo(f"| {title} | " + " | ".join(_version(python) for python in pythons) + " | caveat |")
        click.echo("|---|" + "--:|" * len(pythons) + "---|")
        for name, ratios, caveats in rows:
            click.echo(f"| {name} | " + " | ".join(f"{ratio[which]:.2f}" for ratio in ratios) + f" | {', '.join(caveats)} |")
        click.echo()
    slow = [
        name
        for name, ratios, caveats in rows
        if "slower-per-task" not in caveats and max(ratio[WHOLE] for ratio in ratios) > LIMIT
    ]
    if slow:
        click.echo(f"slower than {LIMIT} times, and no caveat says so: {', '.join(slow)}", err=True)
    sys.exit(bool(slow))


def _programs(folder: Path, form: str) -> tuple[Path, Path, list[str]]:
    config = Config(root=folder)
    text = PROGRAM.format(form=form)
    migration = Migration(from_text(text, "program.py"), config, Selection(config), "executor", True)
    caveats = sorted({caveat.name for plan in migration.planned().plans for caveat in plan.caveats})
    if not migrated(migration):
        raise click.ClickException(f"not migrated: {form}")
    before, after = folder / "before.py", folder / "after.py"
    before.write_text(text)
    after.write_text(migration.text)
    return before, after, caveats


def _ratios(python: str, before: Path, after: Path, tasks: int, rounds: int) -> tuple[float, float]:
    """Of the whole block, and of the call."""
    found: list[tuple[float, ...]] = []
    for _ in range(rounds):
        old, new = (_times(python, program, tasks) for program in (before, after))
        found.append(tuple(after / before for before, after in zip(old, new, strict=True)))
    whole, call = (statistics.median(ratios) for ratios in zip(*found, strict=True))
    return whole, call


def _times(python: str, program: Path, tasks: int) -> tuple[float, ...]:
    done = subprocess.run([python, program, str(tasks)], capture_output=True, text=True, check=True, timeout=120)
    return tuple(float(number) for number in done.stdout.split())


def _version(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()

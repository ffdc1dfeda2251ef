"""How fast migrated code is against the Pool that it was: 10,000 trivial tasks, both programs in turn.

    python benchmarks/migrated_speed.py [--python PATH]... [--tasks N] [--rounds N]

Prints a table of ratios (time of the executor / time of the Pool, the least of all rounds each), and the caveats of the plan.
Knows poolaudit's own steps, and writes programs into a temporary folder. Pools are built before the clock starts.
"""

from __future__ import annotations

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
    with Pool(2) as pool:
        pool.map(task, [1, 2, 3, 4])
        numbers = list(range(tasks))
        start = time.perf_counter()
        {form}
        print(time.perf_counter() - start)


if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]))
"""
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
"""What is slower than this must carry a caveat."""


@click.command()
@click.option("--python", "pythons", multiple=True, default=[sys.executable], help="Interpreters to measure with.")
@click.option("--tasks", default=10_000, help="Number of tasks.")
@click.option("--rounds", default=5, help="How often both programs run in turn.")
def main(pythons: tuple[str, ...], tasks: int, rounds: int) -> None:
    """Prints the table; status 1 when a form is slower than 2.5 times the Pool without a caveat that says so."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        click.echo("| form | " + " | ".join(_version(python) for python in pythons) + " | caveat |")
        click.echo("|---|" + "--:|" * len(pythons) + "---|")
        for name, form in FORMS.items():
            before, after, caveats = _programs(Path(folder), form)
            ratios = [_ratio(python, before, after, tasks, rounds) for python in pythons]
            failed |= max(ratios) > LIMIT and "slower-per-task" not in caveats
            click.echo(f"| {name} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + f" | {', '.join(caveats)} |")
    sys.exit(failed)


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


def _ratio(python: str, before: Path, after: Path, tasks: int, rounds: int) -> float:
    times: dict[Path, list[float]] = {before: [], after: []}
    for _ in range(rounds):
        for program in (before, after):
            done = subprocess.run([python, program, str(tasks)], capture_output=True, text=True, check=True, timeout=120)
            times[program].append(float(done.stdout.split()[-1]))
    return min(times[after]) / min(times[before])


def _version(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()

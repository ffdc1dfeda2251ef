"""How time and memory of poolaudit grow with the size of a tree and of a file: a table, and a chart.

    python benchmarks/scaling.py [--quick] [--work DIR] [--rounds N] [--svg FILE]

Needs what compare.py needs. Trees are the same packages once, twice and four times; files are made up of real functions. What
starting costs is taken off before the growth is fitted.
Knows which sizes are measured. Must never know how a process is measured or how a chart is drawn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import environments
import trees
from compare import Analysis, Bench, analysed
from measuring import CORES, bind, exponent, in_turn, median, memory, note
from tables import Panel, Series, chart, significant, table
from trees import Tree

SVG = environments.ROOT / "docs" / "speed-scaling.svg"
COPIES = (1, 2, 4)
SIZES = (1_000, 2_000, 5_000, 10_000)
"""Lines of the files that are made up."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one size cost: seconds of the whole command, and MiB of all its processes together (None: not known here)."""

    lines: int
    wall: float
    cpu: float
    memory: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description="How time and memory of poolaudit grow with the size of its input.")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "poolaudit-benchmarks", help="keeps downloads")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything runs in turn (default: 5)")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--svg", type=Path, default=SVG, help=f"where the chart goes (default: docs/{SVG.name})")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(work, 1 if options.quick else options.rounds, environments.poolaudit(work), None, None)
    bind()
    start = _start(bench)
    copies = [trees.packages(work, f"medium-{number}", trees.MEDIUM, number) for number in COPIES]
    by_jobs = {jobs: [_point(bench, tree, jobs) for tree in copies] for jobs in (1, CORES)}
    files = [_file(work, size) for size in SIZES]
    alone = {jobs: [_point(bench, file, jobs) for file in files] for jobs in (1, CORES)}
    inside = analysed(bench.poolaudit, [next(file.folder.glob("*.py")) for file in files], bench.rounds)
    sys.stdout.write(report(copies, by_jobs, alone, inside, start))
    options.svg.write_text(drawing(by_jobs, inside), "utf-8")
    note(f"drawn: {options.svg}")


def _start(bench: Bench) -> float:
    """Seconds of CPU of a run that finds no file."""
    empty = bench.work / "trees" / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    return _point(bench, Tree(empty, 0, 0), 1).cpu


def _file(work: Path, size: int) -> Tree:
    """A folder with nothing but that file."""
    folder = work / "trees" / f"made_up_{size}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "made_up.py").write_text(trees.made_up(size), "utf-8")
    return trees.measured(folder)


def _point(bench: Bench, tree: Tree, jobs: int) -> Point:
    note(f"{tree}, {jobs} processes at most")
    command = bench.cold(tree, jobs)
    samples = in_turn([command], bench.rounds)[command.name]
    wall, cpu = median(sample.wall for sample in samples), median(sample.cpu for sample in samples)
    return Point(tree.lines, wall, cpu, memory(command))


def report(
    copies: list[Tree], by_jobs: dict[int, list[Point]], alone: dict[int, list[Point]], inside: list[Analysis], start: float
) -> str:
    """The tables, with the exponents below: 1 is linear growth."""
    heads = ["what", *(head for jobs in by_jobs for head in (f"{_processes(jobs)}, wall:", "memory:"))]
    rows = [[str(tree), *_cells(by_jobs, number)] for number, tree in enumerate(copies)]
    rows += [[f"one file, {file.lines:,} lines", *_cells(alone, number)] for number, file in enumerate(inside)]
    growth = [
        [f"trees, {_processes(jobs)}", f"{exponent([(point.lines, point.cpu - start) for point in points]):.2f}"]
        for jobs, points in by_jobs.items()
    ]
    growth += [
        [
            f"one file, {what}",
            f"{exponent([(file.lines, median(getattr(file, key))) for file in inside]):.2f}",
        ]
        for what, key in (("libcst.parse_module", "parse"), ("analysis with its parse", "judge"))
    ]
    return table(heads, rows) + "\n\n" + table(["growth of CPU time", "exponent (1: linear):"], growth) + "\n"


def _cells(points: dict[int, list[Point]], number: int) -> list[str]:
    sizes = [each[number] for each in points.values()]
    return [
        cell for point in sizes for cell in (significant(point.wall, " s"), f"{point.memory:.0f} MiB" if point.memory else "")
    ]


def _processes(jobs: int) -> str:
    return "1 process" if jobs == 1 else f"{jobs} processes"


def drawing(by_jobs: dict[int, list[Point]], inside: list[Analysis]) -> str:
    """Trees to the left, files to the right."""
    whole = tuple(
        Series(_processes(jobs), tuple((point.lines, point.wall) for point in points)) for jobs, points in by_jobs.items()
    )
    parts = tuple(
        Series(name, tuple((file.lines, median(getattr(file, key))) for file in inside))
        for name, key in (("analysis", "judge"), ("libcst parse alone", "parse"))
    )
    return chart(
        [
            Panel("A tree: whole command, no cache", "lines in the tree", "seconds", whole),
            Panel("One file with pools: CPU in one process", "lines in the file", "seconds", parts),
        ]
    )


if __name__ == "__main__":
    main()

"""How fast poolaudit is against tools that its users know: one command, which prints a table of ratios.

    python benchmarks/compare.py [--quick] [--work DIR] [--rounds N] [--json FILE]

Needs a POSIX system, pip and a package registry. Downloads pinned packages to measure on, and makes a virtual environment for
each tool, all in DIR, so that a second run starts to measure at once. What cannot be had is named and left out.
Knows how each tool is called, and which targets poolaudit has. Must never know how a process is measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import environments
import trees
from measuring import CORES, Command, Failed, Ratio, Sample, bind, in_turn, median, memory, note, ratio, run
from tables import significant, spread, table
from trees import Tree

RULES = Path(__file__).resolve().parent / "rules"
LINTED = (0, 1)
"""How linters end: 1 means that they found something."""

SIZES = (100, 300, 1000, 2000, 5000)
"""Lines of the files whose analysis is timed; one of 10,000 is made up."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the first table."""

    what: str
    ours: str
    theirs: str
    ratio: Ratio | None
    """None: no ratio, `ours` is held against the target itself."""
    target: str = ""
    cpu: Ratio | None = None
    """Of CPU instead of wall time, which tells more where a machine has other work, too."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a run has at hand."""

    work: Path
    rounds: int
    poolaudit: Path
    """The folder of its programs."""
    ruff: Path | None
    ripgrep: Path | None

    def scan(self, tree: Tree, jobs: int, *arguments: str) -> Command:
        """poolaudit with its cache; 2 is how it ends where a file cannot be parsed, of which trees have some."""
        command = (str(self.poolaudit / "poolaudit"), "scan", *(arguments or (".",)), "--jobs", str(jobs), "--quiet")
        return Command("poolaudit", command, tree.folder, {"XDG_CACHE_HOME": str(self.work / "private")}, (0, 1, 2))

    def cold(self, tree: Tree, jobs: int, *paths: str) -> Command:
        return self.scan(tree, jobs, *(paths or (".",)), "--no-cache")

    def check(self, tree: Tree, *arguments: str) -> Command | None:
        """ruff with its default rules, and its quicker format; it takes as many threads as there are processors."""
        if self.ruff is None:
            return None
        command = (str(self.ruff), "check", "--isolated", "--quiet", "--exit-zero", "--output-format", "concise", *arguments, ".")
        return Command("ruff", command, tree.folder, {"RUFF_CACHE_DIR": str(self.work / "ruff")})

    def search(self, tree: Tree) -> Command | None:
        """The files that mention a pool; status 1 means none."""
        if self.ripgrep is None:
            return None
        command = (str(self.ripgrep), "-l", "--type", "py", r"multiprocessing|concurrent\.futures|ProcessPoolExecutor", ".")
        return Command("rg", command, tree.folder, statuses=LINTED)

    def nothing(self) -> Command:
        """The least that a program in Python costs."""
        return Command("python -c pass", (str(self.poolaudit / "python"), "-c", "pass"), self.work)


@dataclass(frozen=True, slots=True)
class Peer:
    """A line of the second table."""

    name: str
    samples: list[Sample]
    memory: float | None
    """MiB of all its processes; None where the system does not tell."""

    @property
    def cpu(self) -> float:
        return median(_seconds(self.samples, "cpu"))

    @property
    def wall(self) -> float:
        return median(_seconds(self.samples, "wall"))


@dataclass
class Result:
    """What a run has found so far."""

    head: str
    rows: list[Row] = field(default_factory=list)
    others: list[Peer] = field(default_factory=list)
    small: Tree | None = None

    def text(self) -> str:
        rows = [[row.what, row.ours, row.theirs, _shown(row.ratio), row.target, _shown(row.cpu)] for row in self.rows]
        text = self.head + "\n\n" + table(["what", "poolaudit:", "compared with:", "ratio:", "target:", "by CPU:"], rows)
        return text + (f"\n\nOther tools, on {self.small}, one process each:\n\n{self._others()}" if self.others else "") + "\n"

    def _others(self) -> str:
        ours = self.others[0].cpu
        rows = [
            [
                peer.name,
                significant(peer.cpu, " s"),
                significant(peer.cpu / ours),
                significant(peer.wall, " s"),
                _mebibytes(peer.memory),
            ]
            for peer in self.others
        ]
        return table(["tool", "CPU:", "times poolaudit's:", "wall:", "memory:"], rows)


def _mebibytes(number: float | None) -> str:
    return f"{number:.0f} MiB" if number is not None else ""


def _shown(ratio: Ratio | None) -> str:
    return spread(ratio) if ratio else ""


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast poolaudit is against tools that its users know.")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "poolaudit-benchmarks", help="keeps downloads")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything runs in turn (default: 5)")
    parser.add_argument("--quick", action="store_true", help="two rounds, smaller trees, and no tool that takes long")
    parser.add_argument("--json", type=Path, help="writes the rows to a file as well")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    rounds = min(options.rounds, 2) if options.quick else options.rounds
    ruff = environments.peer(work, "ruff")
    bench = Bench(work, rounds, environments.poolaudit(work), ruff / "ruff" if ruff else None, environments.ripgrep(work))
    cores = bind()
    _prove(bench)
    result = Result(_head(bench, cores))
    for part in _parts(bench, options.quick):
        _survive(part, result)
    sys.stdout.write(result.text())
    if options.json:
        options.json.write_text(json.dumps(dataclasses.asdict(result), indent=2, default=str) + "\n")


def _prove(bench: Bench) -> None:
    """poolaudit can be called as it is here. Bad usage ends with 2, as a file does that cannot be parsed, and is quick."""
    with tempfile.TemporaryDirectory() as folder:
        run(dataclasses.replace(bench.cold(Tree(Path(folder), 0, 0), CORES), statuses=(0,)))


def _survive(part: Callable[[Result], None], result: Result) -> None:
    try:
        part(result)
    except Failed as error:
        note(f"left out: {error}")


def _parts(bench: Bench, quick: bool) -> list[Callable[[Result], None]]:
    without = trees.packages(bench.work, "without", trees.WITHOUT)
    small = trees.packages(bench.work, "small", trees.SMALL)
    library = trees.library(bench.work)
    if quick:
        every = trees.packages(bench.work, "medium", trees.MEDIUM)
    else:
        every = trees.packages(bench.work, "everything", (*trees.WITHOUT, *trees.ALIKE, *trees.WITH))
    return [
        partial(_without_pools, bench, without),
        partial(_library, bench, library),
        partial(_everything, bench, every),
        partial(_start_up, bench, without, every),
        partial(_analysis, bench, every),
        partial(_memory, bench, every),
        partial(_others, bench, small, [other for other in OTHERS if not quick or other.environment in QUICK]),
    ]


def _head(bench: Bench, cores: int) -> str:
    ruff, ripgrep = (environments.version(each) if each else "missing" for each in (bench.ruff, bench.ripgrep))
    ours = environments.version(bench.poolaudit / "poolaudit")
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} processors"
    return (
        f"{datetime.date.today()}: poolaudit {ours}, ruff {ruff}, ripgrep {ripgrep}, {system}. "
        f"Medians of {bench.rounds} rounds, in which the tools took turns (one file: {4 * bench.rounds}). Ratios are medians of "
        "the rounds' ratios, with the least and the most. Files come from the system's memory, not from the disk. "
        "Memory is that of all processes, shared pages counted once."
    )


# The rows


def _seconds(samples: Sequence[Sample], measure: str) -> list[float]:
    return [getattr(sample, measure) for sample in samples]


def _against(
    result: Result, what: str, ours: Command, theirs: Command | None, target: str, rounds: int, measure: str = "wall"
) -> None:
    """One row: both commands in turn."""
    if theirs is None:
        return
    note(what)
    samples = in_turn([ours, theirs], rounds)
    if len(samples) < 2:
        return
    mine, other = (_seconds(samples[each.name], measure) for each in (ours, theirs))
    unit, factor = (" s", 1) if median(mine) >= 1 else (" ms", 1000)
    shown = [significant(median(numbers) * factor, unit) for numbers in (mine, other)]
    work = ratio(*(_seconds(samples[each.name], "cpu") for each in (ours, theirs))) if measure == "wall" else None
    result.rows.append(Row(what, shown[0], f"{theirs.name} {shown[1]}", ratio(mine, other), target, work))


def _without_pools(bench: Bench, tree: Tree, result: Result) -> None:
    search = bench.search(tree)
    if search is not None:
        in_turn([search], 1)  # reads the files into the system's memory
    what = f"tree without pools ({tree}), wall"
    _against(result, f"{what}, no cache", bench.cold(tree, CORES), search, "<= 2.5", bench.rounds)
    in_turn([bench.scan(tree, CORES)], 1)
    _against(result, f"{what}, second run with cache", bench.scan(tree, CORES), search, "", bench.rounds)


def _library(bench: Bench, tree: Tree, result: Result) -> None:
    for jobs, target in ((1, ""), (CORES, "<= 1.5")):
        what = f"Python's own library ({tree}), wall, no cache, {jobs} process{'es' if jobs > 1 else ''}"
        _against(result, what, bench.cold(tree, jobs), bench.check(tree, "--no-cache"), target, bench.rounds)


def _everything(bench: Bench, tree: Tree, result: Result) -> None:
    what = f"everything ({tree}), wall"
    _against(result, f"{what}, no cache", bench.cold(tree, CORES), bench.check(tree, "--no-cache"), "<= 0.5", bench.rounds)
    ours, theirs = bench.scan(tree, CORES), bench.check(tree)
    in_turn([command for command in (ours, theirs) if command is not None], 1)
    _against(result, f"{what}, second run, both with cache", ours, theirs, "<= 3", bench.rounds)


def _start_up(bench: Bench, without: Tree, every: Tree, result: Result) -> None:
    clean = _nearest(300, sorted(without.folder.rglob("*.py")))
    pools = _nearest(300, _files_with_pools(bench, every))
    for tree, file, what, target in (
        (without, clean, "one file without pools, CPU", "<= 6"),
        (every, pools, "one file with a pool, CPU", "<= 25"),
    ):
        name = f"{what} ({_lines(file)} lines)"
        path = file.relative_to(tree.folder).as_posix()
        _against(result, name, bench.cold(tree, 1, path), bench.nothing(), target, 4 * bench.rounds, "cpu")


def _analysis(bench: Bench, tree: Tree, result: Result) -> None:
    files = _files_with_pools(bench, tree)
    big = bench.work / "made_up_10000.py"
    big.write_text(trees.made_up(10_000), "utf-8")
    for record in analysed(bench.poolaudit, [*(_nearest(size, files) for size in SIZES), big], bench.rounds):
        parse, whole = record.parse, record.judge
        shown = [significant(median(each) * 1000, " ms") for each in (whole, parse)]
        what = f"analysis of a file with pools ({record.lines:,} lines), CPU"
        result.rows.append(Row(what, shown[0], f"libcst.parse_module {shown[1]}", ratio(whole, parse), "<= 1.5"))


def _memory(bench: Bench, tree: Tree, result: Result) -> None:
    for jobs in (1, CORES):
        what = f"peak memory, everything, {jobs} process{'es' if jobs > 1 else ''}"
        note(what)
        most = memory(bench.cold(tree, jobs))
        if most is not None:
            result.rows.append(Row(what, _mebibytes(most), "", None, "<= 250 MiB"))


# Files


@dataclass(frozen=True, slots=True)
class Analysis:
    """Seconds of CPU in each round."""

    path: str
    lines: int
    parse: list[float]
    judge: list[float]


def analysed(poolaudit: Path, files: Sequence[Path], rounds: int) -> list[Analysis]:
    """What the analysis of files costs beside their parse. Raises Failed."""
    note("analysis in one process")
    script = Path(__file__).resolve().parent / "analysis.py"
    command = [str(poolaudit / "python"), str(script), "--rounds", str(rounds), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"analysis: {done.stderr.strip()[-300:]}")
    return [Analysis(**record) for record in json.loads(done.stdout)]


def _files_with_pools(bench: Bench, tree: Tree) -> list[Path]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        run(bench.scan(tree, CORES, ".", "--output", f"json={report}"))
        files = json.loads(report.read_text("utf-8"))["files"]
    return [tree.folder / file["path"] for file in files if any(site["workers"] == "process" for site in file["sites"])]


def _nearest(lines: int, files: Sequence[Path]) -> Path:
    return min(files, key=lambda file: (abs(_lines(file) - lines), str(file)))


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n")


# Other tools


@dataclass(frozen=True, slots=True)
class Other:
    """A tool that says something of pools, or the least that one of its kind costs."""

    environment: str
    title: str
    arguments: tuple[str, ...]
    """The program first."""


_SEMGREP = ("--metrics", "off", "--disable-version-check", "--quiet", "--jobs", "1", "--no-git-ignore")
OTHERS = (
    Other("ruff", "ruff check, default rules", ("ruff", "check", "--isolated", "--no-cache", "--quiet", ".")),
    Other("ast-grep", "ast-grep, two rules", ("ast-grep", "scan", "--threads", "1", "--rule", str(RULES / "ast-grep.yml"), ".")),
    Other(
        "semgrep",
        "semgrep, two rules",
        ("semgrep", "scan", "--config", str(RULES / "semgrep.yml"), *_SEMGREP, "."),
    ),
    Other("flake8", "flake8, bugbear and comprehensions", ("flake8", "--isolated", "--jobs", "1", "--select", "B,C4", ".")),
    Other(
        "fixit",
        "libcst codemod that does nothing",
        (
            "python",
            "-m",
            "libcst.tool",
            "codemod",
            "-x",
            "idle_codemod.IdleCommand",
            "--no-format",
            "--jobs",
            "1",
            "--hide-progress",
            ".",
        ),
    ),
    Other(
        "pylint",
        "pylint, R1732 only",
        ("pylint", "--disable=all", "--enable=R1732", "--jobs=1", "--persistent=n", "--recursive=y", "."),
    ),
    Other("fixit", "fixit, its own rules", ("fixit", "--quiet", "lint", ".")),
)
QUICK = ("ruff", "ast-grep", "semgrep")


def _others(bench: Bench, tree: Tree, others: Sequence[Other], result: Result) -> None:
    commands = [bench.cold(tree, 1)]
    for other in others:
        programs = environments.peer(bench.work, other.environment)
        if programs is not None:
            program, *arguments = other.arguments
            # semgrep starts programs of its own; the codemod is a module of ours
            variables = {
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(RULES),
                "RAYON_NUM_THREADS": "1",
            }
            title = f"{other.title} ({_version(other)})"
            commands.append(Command(title, (str(programs / program), *arguments), tree.folder, variables, LINTED))
    note("other tools")
    samples = in_turn(commands, bench.rounds)
    result.small = tree
    if "poolaudit" not in samples:
        raise Failed("other tools: nothing to hold them against")
    peers = [Peer(each.name, samples[each.name], _held(each)) for each in commands if each.name in samples]
    result.others = sorted(peers, key=lambda peer: (peer.name != "poolaudit", peer.cpu))


def _held(command: Command) -> float | None:
    try:
        return memory(command)
    except Failed as error:
        note(f"left out: the memory of {command.name}: {error}")
        return None


def _version(other: Other) -> str:
    name = "libcst" if other.arguments[0] == "python" else other.environment
    return next(pin for pin in environments.PINNED[other.environment] if pin.startswith(name)).partition("==")[2]


if __name__ == "__main__":
    main()

"""What is measured on: pinned packages of the registry, Python's own library, and files that are made up.

Knows pip's download, wheels and folders. Must never know a tool, a measure or a table.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import sysconfig
import textwrap
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from environments import pip
from measuring import note

WITHOUT = (
    "ansible-core==2.21.5",
    "fsspec==2026.9.0",
    "pandas==3.1.1",
    "redis==8.1.0",
    "scikit-learn==1.9.1",
    "sympy==1.14.0",
    "tornado==6.6.1",
)
"""Nothing in them could be a process pool."""
ALIKE = ("homeassistant==2025.4.4", "SQLAlchemy==2.1.9")
"""No process pools, but files that have to be parsed to know that: they have classes called Pool of their own."""
WITH = (
    "autopep8==2.3.2",
    "backtesting==0.6.6",
    "black==26.10.1",
    "dask==2026.8.0",
    "Django==5.2.19",
    "dynesty==3.1.0",
    "fonttools==4.68.0",
    "hypothesis==6.170.15",
    "isort==9.0.2",
    "joblib==1.6.0",
    "lmfit==1.3.4",
    "Mesa==3.3.1",
    "mpmath==1.3.0",
    "pylint==4.1.4",
    "SALib==1.6.0",
    "statsmodels==0.15.0",
    "stumpy==1.14.1",
)
"""A few files of each use process pools."""
SMALL = ("Mesa==3.3.1", "backtesting==0.6.6")
"""For tools that take long."""
MEDIUM = (
    "ansible-core==2.21.5",
    "dask==2026.8.0",
    "fonttools==4.68.0",
    "isort==9.0.2",
    "joblib==1.6.0",
    "Mesa==3.3.1",
    "redis==8.1.0",
)
"""What is copied to see how times grow."""

TAGS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""Wheels of one platform and one Python, whatever runs here: nothing is installed, and everybody measures the same files."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder, and how much Python is in it."""

    folder: Path
    files: int
    lines: int

    def __str__(self) -> str:
        return f"{self.files:,} files, {self.lines:,} lines"


def measured(folder: Path) -> Tree:
    files = sorted(folder.rglob("*.py"))
    return Tree(folder, len(files), sum(file.read_bytes().count(b"\n") for file in files))


def packages(work: Path, name: str, requirements: Iterable[str], copies: int = 1) -> Tree:
    """A project with the Python files of these packages, made once. What cannot be downloaded is named and missing."""
    folder = work / "trees" / name
    if not folder.exists():
        unfinished = folder.with_name(f"{name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for wheel in [wheel for each in requirements if (wheel := _wheel(work, each)) is not None]:
            for number in range(copies):
                _unpack(wheel, unfinished / (f"copy{number}" if copies > 1 else "") / wheel.name.partition("-")[0])
        _make_project(unfinished)
        unfinished.rename(folder)
    return measured(folder)


def library(work: Path) -> Tree:
    """The library of the Python that runs this, without what is installed into it."""
    folder = work / "trees" / f"library-{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if not folder.exists():
        keep_out = shutil.ignore_patterns("site-packages", "dist-packages", "__pycache__", "*.so", "*.a")
        shutil.copytree(sysconfig.get_path("stdlib"), folder, ignore=keep_out, ignore_dangling_symlinks=True)
        _make_project(folder)
    return measured(folder)


def _make_project(folder: Path) -> None:
    """So that no configuration further up counts."""
    (folder / "pyproject.toml").write_text('[project]\nname = "tree"\nversion = "0"\nrequires-python = ">=3.10"\n')


def _wheel(work: Path, requirement: str) -> Path | None:
    name, _, number = requirement.partition("==")
    folder = work / "wheels" / requirement
    if not any(folder.glob("*.whl")):
        note(f"downloading {name} {number}")
        tags = [argument for tag in TAGS for argument in ("--platform", tag)]
        abis = [argument for abi in ("cp313", "abi3", "none") for argument in ("--abi", abi)]
        choice = ["--no-deps", "--only-binary", ":all:", *tags, "--python-version", "3.13", "--implementation", "cp", *abis]
        if not pip(sys.executable, "download", requirement, "--dest", str(folder), *choice):
            return None
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".py")])


# Files that are made up

FILLERS = ("argparse", "calendar", "configparser", "csv", "difflib", "fractions", "heapq", "shlex", "textwrap")
"""Modules of the standard library whose functions and classes fill a file between pools."""

SPACING = 250
"""Lines between two pools."""

SHAPES = (
    """
    def load_{n}(path):
        with open(path) as file:
            return sum(len(line) for line in file)


    def load_all_{n}(paths, workers=None):
        with multiprocessing.Pool(workers) as pool:
            return dict(zip(paths, pool.map(load_{n}, paths)))
    """,
    """
    def score_{n}(record, weight=1.0):
        return record["value"] * weight


    def score_all_{n}(records, report):
        with ProcessPoolExecutor(max_workers=4) as executor:
            futures = {{executor.submit(score_{n}, record): record for record in records}}
            for future in as_completed(futures):
                try:
                    report(futures[future], future.result())
                except ValueError as error:
                    report(futures[future], error)
    """,
    """
    def step_{n}(state):
        return state + 1


    class Simulation_{n}:
        def __init__(self, count):
            self.pool = multiprocessing.Pool(count)
            self.states = list(range(count))

        def run(self, steps):
            for _ in range(steps):
                self.states = self.pool.map(step_{n}, self.states, chunksize=16)
            return self.states

        def close(self):
            self.pool.close()
            self.pool.join()
    """,
    """
    TABLE_{n} = {{}}


    def prepare_{n}(path):
        with open(path) as file:
            TABLE_{n}.update(line.split("=", 1) for line in file)


    def look_up_{n}(key):
        return TABLE_{n}.get(key, "")


    def look_up_all_{n}(path, keys):
        found = []
        pool = multiprocessing.Pool(initializer=prepare_{n}, initargs=(path,))
        try:
            for text in pool.imap_unordered(look_up_{n}, keys, chunksize=100):
                if text:
                    found.append(text)
        finally:
            pool.close()
            pool.join()
        return found
    """,
    """
    def render_{n}(width, height):
        return [[x * y for x in range(width)] for y in range(height)]


    async def render_all_{n}(sizes):
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor() as executor:
            pages = [loop.run_in_executor(executor, render_{n}, *size) for size in sizes]
            return await asyncio.gather(*pages)
    """,
    """
    def combine_{n}(left, right):
        return left | right


    def combine_all_{n}(pairs, timeout):
        pool = multiprocessing.get_context("spawn").Pool(2)
        handles = [pool.apply_async(combine_{n}, pair) for pair in pairs]
        pool.close()
        results = [handle.get(timeout) for handle in handles]
        pool.join()
        return results
    """,
)
"""As in the wild: a with block, futures by key, a pool for life in an object, an initializer, asyncio, handles."""


def made_up(lines: int) -> str:
    """A module of about so many lines, some with pools, most without. The same Python makes the same text."""
    head = ["import asyncio", "import multiprocessing", "from concurrent.futures import ProcessPoolExecutor, as_completed", ""]
    text, length, number = ["\n".join(head)], len(head), 0
    pools, fillers = 0, _fillers()
    while length < lines:
        if length >= pools * SPACING:
            part = textwrap.dedent(SHAPES[pools % len(SHAPES)]).format(n=number).strip("\n")
            pools += 1
        else:
            part = next(fillers)
        text.append(part)
        length += part.count("\n") + 3
        number += 1
    return "\n\n\n".join(text) + "\n"


def _fillers() -> Iterator[str]:
    """Functions and classes, over and over; each time under other names."""
    folder = Path(sysconfig.get_path("stdlib"))
    parts = [part for name in FILLERS for part in _definitions((folder / f"{name}.py").read_text("utf-8"))]
    own = re.compile(r"\b({})\b".format("|".join(name for name, _ in parts)))
    number = 0
    while True:
        for _, text in parts:
            yield own.sub(rf"\1_{number}", text)
        number += 1


def _definitions(text: str) -> Iterator[tuple[str, str]]:
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.end_lineno is not None:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            # a longer one would leave no room for pools
            if node.end_lineno - first < SPACING // 2:
                yield node.name, "\n".join(lines[first - 1 : node.end_lineno])

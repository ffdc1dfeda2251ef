"""One folder below fixtures/migrations/, as a value.

Knows the names of its files and the keys of expect.toml. Must never know how programs are run, nor how a plan is made.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from packaging.specifiers import SpecifierSet

from poolaudit.settings import Version
from proof.fixture import FIXTURES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

Direction = Literal["to-executor", "to-pool"]
Status = Literal["ready", "caveats", "blocked"]

MIGRATIONS = FIXTURES / "migrations"
DIRECTIONS: tuple[Direction, ...] = ("to-executor", "to-pool")
STATUSES: tuple[Status, ...] = ("ready", "caveats", "blocked")

VERSIONS: tuple[Version, ...] = ((3, 9), (3, 11), (3, 13), (3, 14))
"""The Pythons that pairs are run on: the oldest, the newest, and those where an API changed between."""


@dataclass(frozen=True)
class Expectation:
    """expect.toml: what the plan for before.py must say, written by hand before there was a tool."""

    status: Status
    names: tuple[str, ...]
    """Blockers or caveats, sorted."""
    row: str
    """The row of the mapping table that the pair is of."""
    requires_python: str | None = None
    differs: str | None = None
    """Ready or with caveats: the sentence that says how after.py ends otherwise than before.py."""
    same: str | None = None
    """Blocked: the sentence that says why the program is refused although naive.py behaves like before.py."""


@dataclass(frozen=True)
class Pair:
    """`fixtures/migrations/to-executor/map-basic`: before.py and what it is, or must not be, rewritten to."""

    folder: Path
    direction: Direction

    @property
    def id(self) -> str:
        return f"{self.direction}/{self.folder.name}"

    @property
    def to(self) -> Literal["executor", "pool"]:
        """The direction as the command line calls it."""
        return "executor" if self.direction == "to-executor" else "pool"

    @property
    def expected(self) -> Expectation:
        """The keys of expect.toml. Raises ValueError for a key or a word that has no meaning, KeyError for a missing one."""
        table = tomllib.loads((self.folder / "expect.toml").read_text("utf-8"))
        known = {"status", "names", "row", "requires-python", "differs", "same"}
        if strange := set(table) - known:
            raise ValueError(f"{self.id}/expect.toml: unknown {sorted(strange)}")
        if table["status"] not in STATUSES:
            raise ValueError(f"{self.id}/expect.toml: status is {table['status']!r}")
        return Expectation(
            cast(Status, table["status"]),
            tuple(table["names"]),
            table["row"],
            table.get("requires-python"),
            table.get("differs"),
            table.get("same"),
        )

    @property
    def before(self) -> Path:
        return self.folder / "before.py"

    @property
    def other(self) -> Path:
        """What before.py is compared with: the tool's rewrite, or the tempting one of a pair that is refused."""
        return self.folder / ("naive.py" if self.expected.status == "blocked" else "after.py")

    @property
    def recorded(self) -> bool:
        """What both programs did is kept: for every naive.py, and where after.py is expected to differ somewhere."""
        return self.expected.status == "blocked" or self.expected.differs is not None

    @property
    def transcript(self) -> Path:
        """naive.txt or after.txt."""
        return self.other.with_suffix(".txt")

    @property
    def companions(self) -> tuple[Path, ...]:
        """Modules that before.py imports."""
        own = ("before.py", "after.py", "naive.py")
        return tuple(path for path in sorted(self.folder.glob("*.py")) if path.name not in own)

    @property
    def versions(self) -> tuple[Version, ...]:
        requires = self.expected.requires_python
        if requires is None:
            return VERSIONS
        allowed = SpecifierSet(requires)
        return tuple(v for v in VERSIONS if f"{v[0]}.{v[1]}.99" in allowed)


def pairs(root: Path = MIGRATIONS) -> tuple[Pair, ...]:
    """Every pair, by direction and name."""
    return tuple(
        Pair(folder, direction)
        for direction in DIRECTIONS
        for folder in sorted((root / direction).glob("*"))
        if (folder / "before.py").is_file()
    )

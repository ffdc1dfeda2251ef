"""One folder below fixtures/, as a value.

Knows the names of a fixture's files and which Pythons its programs are for.
Must never know how programs are run.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from poolaudit.settings import NEWEST, Version
from poolaudit.transcript import METHODS, Method

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

USUAL: tuple[Version, ...] = tuple((3, minor) for minor in range(9, NEWEST[1] + 1))
"""The Pythons of a fixture that names none."""

ON_REQUEST: tuple[Version, ...] = ((3, 8), *USUAL)
"""The Pythons that a fixture's requires-python may choose from."""

NOT_RUN = ("PA0", "PA1")
"""Rules about the run and advice: there is no harm that a program could show. PA103 is an error and has one."""


@dataclass(frozen=True)
class Fixture:
    """`fixtures/PA502-unread-map`: code, name, and where its files are.

    Without a code: `fixtures/python-3.14`, a folder of programs that show what changes from one Python to the next.
    """

    folder: Path
    code: str
    name: str

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def transcript(self) -> Path:
        return self.folder / "run.txt"

    @property
    def report(self) -> Path:
        return self.folder / "report.txt"

    @property
    def runs(self) -> bool:
        """A harm must be shown by running."""
        return self.code == "PA103" or not self.code.startswith(NOT_RUN)

    @property
    def stems(self) -> tuple[str, ...]:
        """Its programs: `bad` and `good`; of a folder of changes every file."""
        if self.code:
            return "bad", "good"
        return tuple(sorted(path.stem for path in self.folder.glob("*.py")))

    @property
    def methods(self) -> tuple[Method, ...]:
        """The start methods that its programs run under."""
        return METHODS if self.code else ("default",)

    @property
    def turn(self) -> int:
        """A number of its own, so that sampling does not take the same cells everywhere."""
        return int(self.code[2:] or 0)

    def source(self, stem: str) -> Path | None:
        """`bad.py`, `bad.ipynb` or the folder `bad`; None when there is none."""
        candidates = (self.folder / f"{stem}.py", self.folder / f"{stem}.ipynb", self.folder / stem)
        return next((path for path in candidates if path.exists()), None)

    def program(self, stem: str) -> Path:
        """What is run for `stem`: `bad.py`, or `bad/main.py` or `bad/main.ipynb`, relative to the fixture's folder."""
        source = self.source(stem)
        if source is None:
            raise FileNotFoundError(f"{self.id} has neither {stem}.py nor {stem}/")
        if source.is_dir():
            source = next((path for path in (source / "main.py", source / "main.ipynb") if path.is_file()), source / "main.py")
        return source.relative_to(self.folder)

    @property
    def versions(self) -> tuple[Version, ...]:
        """The Pythons that its programs run on: requires-python of its pyproject.toml, else 3.9 to 3.14."""
        project = self.folder / "pyproject.toml"
        if project.is_file():
            requires = tomllib.loads(project.read_text("utf-8")).get("project", {}).get("requires-python")
            if requires is not None:
                allowed = SpecifierSet(requires)
                # 3.10.99: a specifier such as >=3.10.4 admits the minor version
                return tuple(v for v in ON_REQUEST if f"{v[0]}.{v[1]}.99" in allowed)
        return USUAL


CHANGES = Fixture(FIXTURES / "python-3.14", "", "python-3.14")


def fixtures(root: Path = FIXTURES) -> tuple[Fixture, ...]:
    """Every fixture folder, in the order of the codes."""
    found = []
    for folder in sorted(root.iterdir()):
        match = re.fullmatch(r"(PA\d{3})-([a-z0-9-]+)", folder.name)
        if match and folder.is_dir():
            found.append(Fixture(folder, *match.groups()))
    return tuple(found)


def find(wanted: str, root: Path = FIXTURES) -> Fixture:
    """The fixture of a code, a name or a folder name. Raises LookupError."""
    for fixture in (*fixtures(root), CHANGES):
        if wanted in (fixture.code, fixture.name, fixture.id):
            return fixture
    raise LookupError(f"no fixture {wanted!r} below {root}")

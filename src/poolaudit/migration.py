"""The run of `migrate`: the plans of many files, and pools moved one by one.

Knows which files there are, what is written and what is taken back. Must never know the command line, an output format, a form of
an API or a syntax tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from poolaudit import discover
from poolaudit.config import Closest
from poolaudit.layout import Layout
from poolaudit.report import NOT_WRITTEN, Problem, Progress
from poolaudit.selection import Selection
from poolaudit.source import ChangedOnDisk, SourceFile, Unreadable, changed, content, read_bytes
from poolaudit.source import write as write_source
from poolaudit.stack import roomy
from poolaudit.survey.families import MOVABLE_NAMES

if TYPE_CHECKING:
    from poolaudit.config import Config
    from poolaudit.migrate.mentions import Mention
    from poolaudit.migrate.plan import Direction
    from poolaudit.migrating import Migration, Planned, Step
    from poolaudit.survey.project import Project


class MigrationPlan(Struct, frozen=True):
    """What the pools of many files need, and what could not be read."""

    to: Direction
    files: tuple[Planned, ...]
    mentions: tuple[Mention, ...]
    """What speaks of the classes without using them, where any pool can be moved."""
    problems: tuple[Problem, ...]
    targets: tuple[tuple[int, int], ...]


class Moved(Struct, frozen=True):
    """One file with the pools that were moved in it."""

    source: SourceFile
    """As it was before the first step."""
    after: str
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]

    @property
    def contents(self) -> tuple[str, str]:
        """What the file holds before and after: of a notebook, the whole document."""
        return content(self.source, self.source.text), content(self.source, self.after)


class MigrationRun:
    """One `migrate` over paths. Raises ConfigError for an unknown rule in the configuration, nothing else."""

    def __init__(self, paths: Iterable[str], config: Config, to: Direction, *, unsafe: bool = False) -> None:
        self._config = config
        self._closest = Closest(config)
        self._selections = {str(config.root): Selection(config)}
        self._discovery = discover.discover(paths, config, MOVABLE_NAMES)
        self._to: Direction = to
        self._unsafe = unsafe
        self.refused: list[Problem] = []
        """Why pools that were planned were not moved after all, once `trials` has come to its end."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read."""
        return *self._discovery.problems, *self._discovery.unreadable

    @property
    def sources(self) -> tuple[SourceFile, ...]:
        return self._discovery.candidates

    def plan(self, progress: Progress | None = None) -> MigrationPlan:
        """The plan of every pool; nothing is changed."""
        project = self._project()

        def planned() -> list[Planned]:
            found = []
            for index, source in enumerate(self.sources):
                if progress is not None:
                    progress(source.name, index, len(self.sources))
                found.append(self._migration(source, project).planned(verified=True))
            return found

        files = tuple(each for each in roomy(planned) if each.plans or each.problems) if self.sources else ()
        return MigrationPlan(self._to, files, self._mentions(files), self.problems, self._config.settings.targets)

    def _mentions(self, files: Sequence[Planned]) -> tuple[Mention, ...]:
        """Annotations, checks and docstrings of files with a pool to be moved, and patches anywhere."""
        from poolaudit.migrate.mentions import MAY_MENTION, mentions

        movable = {file.path for file in files if any(plan.status != "blocked" for plan in file.plans)}
        found: list[Mention] = []
        for path in self._discovery.scanned if movable else ():
            data = _bytes(path) if path.endswith(".py") else b""
            if MAY_MENTION.search(data):
                said = mentions(data.decode("utf-8", "replace"), path)
                found += (each for each in said if path in movable or each.message.startswith("a string"))
        return tuple(found)

    def moved(self, progress: Progress | None = None) -> Iterator[Moved]:
        """Each file with all the pools that can be moved, moved in memory; files where none can be are left out."""
        from poolaudit.migrating import migrated

        for index, source in enumerate(self.sources):
            if progress is not None:
                progress(source.name, index, len(self.sources))
            migration = self._migration(source, self._project())

            def all_steps(migration: Migration = migration) -> tuple[Step, ...]:
                return migrated(migration)

            steps = roomy(all_steps)
            if steps or migration.problems:
                yield Moved(source, migration.text, steps, tuple(migration.problems))

    def trials(self) -> Iterator[Trial]:
        """Each pool as a step of its own, to be written, tried, and kept or taken back before the next one is asked for."""
        for source in self.sources:
            migration = self._migration(source, self._project())
            while (step := roomy(migration.step)) is not None:
                trial = Trial(changed(source, step.before), step)
                yield trial
                if trial.kept:
                    migration.take(step)
                else:
                    migration.skip(step)
            self.refused += migration.problems

    def _migration(self, source: SourceFile, project: Project) -> Migration:
        from poolaudit.migrating import Migration

        config = self._closest.of(source.path or source.name)
        selection = self._selections.setdefault(str(config.root), Selection(config))
        return Migration(source, config, selection, self._to, self._unsafe, project)

    def _project(self) -> Project:
        """What files import, read anew where files may have been written meanwhile."""
        from poolaudit.survey.project import Project

        return Project(Layout(str(self._config.root) if self._config.anchored else ""))


class Trial:
    """One pool to be moved on disk, and moved back unless it is kept."""

    def __init__(self, source: SourceFile, step: Step) -> None:
        self._source = source
        self.step = step
        self.kept = False
        self.is_written = False

    @property
    def path(self) -> str:
        return self._source.name

    def write(self) -> Problem | None:
        """Replaces the file; where that cannot be done, nothing has been written, and a problem says why."""
        self.is_written = True  # before it is: an interrupt in between must not leave the new text
        problem = _written(self._source, self.step.after)
        self.is_written = problem is None
        return problem

    def take_back(self) -> Problem | None:
        """The file as it was, which it may be already. What somebody else has changed is left alone, and a problem says so."""
        problem = _written(changed(self._source, self.step.after), self.step.before)
        return problem and _written(self._source, self.step.before)


def _bytes(path: str) -> bytes:
    """The file; nothing where it cannot be read, which is among the problems."""
    try:
        return read_bytes(path)
    except Unreadable:
        return b""


def write(moved: Moved) -> Problem | None:
    """Writes one file; what went wrong, if anything did."""
    return _written(moved.source, moved.after)


def _written(source: SourceFile, text: str) -> Problem | None:
    try:
        write_source(source, text)
    except (ChangedOnDisk, UnicodeError, OSError) as error:
        return Problem(NOT_WRITTEN, str(error), source.name)
    return None

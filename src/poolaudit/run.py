"""One run over many files: what all of them share, how one is judged, and what they add up to.

Knows configurations, baselines and the cache that hold for a file, and problems that belong to the run. Must never know in what
order files are judged or by whom, a rule or a syntax tree.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from poolaudit import discover
from poolaudit.config import Closest, Config
from poolaudit.discover import UNREADABLE, Discovery
from poolaudit.disk import Looks
from poolaudit.layout import Layout
from poolaudit.report import FileReport, Problem, Progress, Report
from poolaudit.selection import Selection
from poolaudit.source import SourceFile, Unreadable
from poolaudit.stack import roomy

if TYPE_CHECKING:
    from poolaudit.baseline import Baseline, Entry, Judged
    from poolaudit.cache import Cache
    from poolaudit.survey.project import Project

# judge is imported where a candidate has been found: with it come the facts, the rules and libcst

_T = TypeVar("_T")

CRASH = "crash"


class Means(NamedTuple):
    """By what a run is done. None of it changes what is found."""

    jobs: int | None = 1
    """Processes of this machine at most; None: as many as it has processors."""
    executor: str = ""
    """What does the work instead of them, as --executor names it."""
    private: Path | None = None
    """The user's own folder, which a cache needs; None: nothing is remembered."""


ALONE = Means()
"""One process, this one, that remembers nothing."""

Noted = tuple[FileReport, Looks]
"""A report, and what was asked of other files for it."""


def standard_input(data: bytes, name: str, config: Config) -> Discovery:
    """Standard input as the only file of a run."""
    if config.force_exclude and discover.is_excluded(name, config):
        return Discovery((), 0, (), (), (), False)
    try:
        source = discover.candidate(data, name)
    except Unreadable as error:
        problem = Problem(UNREADABLE, error.message, name, error.line, error.column)
        return Discovery((), 1, (name,), (), (problem,), False)
    return Discovery((source,) if source else (), 1, (name,), (), (), False)


def _brief(report: FileReport) -> FileReport:
    """The report without the facts that no format tells of, which are most of it."""
    facts = report.facts
    if facts is None:
        return report
    from msgspec.structs import replace  # a run without pools does without

    around = {site.function for site in facts.sites}
    brief = replace(
        facts,
        functions={number: function for number, function in facts.functions.items() if number in around},
        classes={},
        globals={},
        library_calls=(),
        imports=(),
        called_at_import=frozenset(),
        called_under_guard=frozenset(),
        local_calls=(),
        accesses={},
        names=frozenset(),
    )
    return report._replace(facts=brief)


class _Scope(NamedTuple):
    """What holds for some files of a run."""

    config: Config
    selection: Selection


class Run:
    """One run over many files: what all of them share, and what they add up to."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._closest = Closest(config)
        self._scopes = {config.root: _Scope(config, Selection(config))}
        self._baselines: dict[Path, Baseline] = {}
        self._started = time.perf_counter()

    def scope(self, path: str) -> _Scope:
        """What holds for a file. Raises ConfigError."""
        config = self._closest.of(path)
        if config.root not in self._scopes:
            self._scopes[config.root] = _Scope(config, Selection(config))
        return self._scopes[config.root]

    @cached_property
    def layout(self) -> Layout:
        """Where modules lie, and what the disk has said of that."""
        return Layout(str(self.config.root) if self.config.anchored else "")

    @cached_property
    def project(self) -> Project:
        """What the surveyed files import, parsed once for the whole run."""
        from poolaudit.survey.project import Project

        return Project(self.layout)

    def baseline(self, config: Config) -> Baseline | None:
        """What the file that a configuration names records."""
        file = config.baseline
        if file is None:
            return None
        if file not in self._baselines:
            from poolaudit import baseline

            self._baselines[file] = baseline.load(file)
        return self._baselines[file]

    def judged(self, source: SourceFile, *, full: bool) -> FileReport:
        from poolaudit.judge import judge

        scope = self.scope(source.name)
        baseline = self.baseline(scope.config)
        return judge(source, scope.config, scope.selection, full=full, project=self.project, baseline=baseline)

    def noted(self, source: SourceFile, *, full: bool) -> Noted:
        """The report of a file as an audit needs it, and what was asked of other files for it."""
        with self.layout.disk.noting() as looks:
            report = self.judged(source, full=full)
        return _brief(report), looks

    def discovered(self, paths: Iterable[str], means: Means) -> tuple[Discovery, Cache | None]:
        """What lies below the paths, and what is remembered of it."""
        paths = list(paths)

        @cache  # a run over a few files without pools never opens it
        def memory() -> Cache | None:
            return self._cache(means.private, discover.covers(paths, self.config.root)) if means.private is not None else None

        discovery = discover.discover(paths, self.config, layout=self.layout, memory=memory)
        remembered = memory() if memory.cache_info().currsize else None
        if remembered is not None:
            remembered.close()
        return discovery, remembered

    def forget(self) -> None:
        """What was parsed of files for the sake of others is out of date: one has been written."""
        self.__dict__.pop("project", None)
        self.__dict__.pop("layout", None)

    def _cache(self, private: Path, full: bool) -> Cache | None:
        from poolaudit import cache as entries
        from poolaudit.disk import digest

        known: dict[Path, bytes] = {}

        def configured(name: str) -> bytes:
            config = self._closest.of(name)
            if config.root not in known:
                baseline = self.baseline(config)
                recorded = "" if baseline is None else baseline.text
                known[config.root] = digest(repr((self.config.root, full, config.of_reports, recorded)).encode())
            return known[config.root]

        return entries.opened(self.config.root, private, self.layout.disk, configured)

    def prepare(self) -> None:
        """Imports what workers need before they are forked, so that each has it already."""
        from poolaudit.judge import judge
        from poolaudit.source import from_text

        scope = self._scopes[self.config.root]
        judge(from_text("from multiprocessing import Pool\nPool()\n", "a.py"), scope.config, scope.selection)

    def each(self, work: Callable[[SourceFile], _T], sources: Sequence[SourceFile], progress: Progress | None = None) -> list[_T]:
        """What `work` makes of each source, in their order, in this process."""

        def announced() -> list[_T]:
            done: list[_T] = []
            for source in sources:
                if progress is not None:
                    progress(source.name, len(done), len(sources))
                done.append(work(source))
            return done

        return roomy(announced) if sources else []

    def report(self, discovery: Discovery, files: Iterable[FileReport]) -> Report:
        unread = [FileReport(problem.path, None, problems=(problem,)) for problem in discovery.unreadable]
        everything = sorted([*files, *unread], key=lambda file: file.path)
        problems = [*discovery.problems, *(problem for file in everything for problem in file.problems if problem.code == CRASH)]
        kept = [file._replace(problems=tuple(self._kept(file.problems))) for file in everything]
        baselines = self._in_use()
        if discovery.full:
            kept = sorted([*kept, *(self._stale(each, discovery, everything) for each in baselines)], key=lambda file: file.path)
        return Report(
            files=tuple(file for file in kept if file.problems or file.findings or (file.facts is not None and file.facts.sites)),
            problems=tuple(problem for problem in problems if not self._ignores(problem)),
            targets=self.config.settings.targets,
            files_scanned=discovery.files_scanned,
            candidates=len(discovery.candidates),
            seconds=time.perf_counter() - self._started,
            baseline=", ".join(each.name for each in baselines),
        )

    def judging(self, discovery: Discovery, files: Iterable[FileReport]) -> Judged:
        """Whether this run had an opinion on what a baseline records: it looked at the file and asked the rule."""
        from poolaudit import catalog
        from poolaudit.judge import UNUSED

        scanned = {os.path.abspath(name) for name in discovery.scanned}
        unread = {os.path.abspath(problem.path) for problem in discovery.unreadable}
        unread |= {os.path.abspath(file.path) for file in files if file.facts is None}
        known = {rule.code for rule in catalog.rules()}

        def judged(path: str, entry: Entry) -> bool:
            if path not in scanned:
                return discovery.full and Path(path).is_relative_to(self.config.root)
            scope = self.scope(path)
            if path in unread or (entry.likely and scope.config.confidence != "likely"):
                return False
            if entry.code == UNUSED and not discovery.full:
                return False
            return entry.code not in known or any(rule.code == entry.code for rule in scope.selection.rules_for(path))

        return judged

    def _in_use(self) -> list[Baseline]:
        found = (self.baseline(scope.config) for scope in self._scopes.values())
        return list({each.file: each for each in found if each is not None}.values())

    def _stale(self, baseline: Baseline, discovery: Discovery, files: Sequence[FileReport]) -> FileReport:
        from poolaudit.judge import STALE, judge_baseline

        asked = any(rule.code == STALE for rule in self.scope(baseline.name).selection.rules_for(baseline.name))
        own = [file for file in files if self.baseline(self.scope(file.path).config) is baseline]
        stale = baseline.stale(own, self.judging(discovery, files)) if asked else ()
        return judge_baseline(baseline, stale)

    def _kept(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """The problems that belong to their file: a crash is the run's, an ignored one nobody's."""
        return (each for each in problems if each.code != CRASH and not self._ignores(each))

    def _ignores(self, problem: Problem) -> bool:
        scope = self.scope(problem.path) if problem.path else self._scopes[self.config.root]
        return scope.selection.ignores(problem.code, problem.path)

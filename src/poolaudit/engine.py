"""The loops: audit files, rewrite files.

Knows which files there are, what becomes of each (judge, fixing), what is written, and what a run adds up to. Must never know the
command line, an output format, a rule or a syntax tree.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from poolaudit import __version__, discover
from poolaudit.config import Closest, Config, override
from poolaudit.discover import UNREADABLE, Discovery
from poolaudit.disk import Looks
from poolaudit.layout import Layout
from poolaudit.report import NOT_WRITTEN, FileReport, Problem, Progress, Report, Reported
from poolaudit.selection import Selection
from poolaudit.source import ChangedOnDisk, SourceFile, Unreadable, content
from poolaudit.source import write as write_source
from poolaudit.stack import roomy

if TYPE_CHECKING:
    from poolaudit.baseline import Baseline, Entry, Judged
    from poolaudit.cache import Cache
    from poolaudit.fixing import Fixed
    from poolaudit.parallel import Crew
    from poolaudit.survey.project import Project

# judge and fixing are imported where a candidate has been found: with them come the facts, the rules and libcst

_T = TypeVar("_T")

CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Means:
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
Done = Callable[[SourceFile, Noted], None]


@dataclass(frozen=True, slots=True)
class FilePatch:
    """One file that fixes change: verified, written only when asked."""

    source: SourceFile
    """The file as it was."""
    after: str
    """The new text."""
    fixed: tuple[Reported, ...]
    """The findings whose fixes are in it."""

    @property
    def path(self) -> str:
        return self.source.name

    @property
    def before(self) -> str:
        return self.source.text

    @property
    def contents(self) -> tuple[str, str]:
        """What the file holds before and after, decoded: of a notebook more than its code."""
        return content(self.source, self.before), content(self.source, self.after)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a rewrite did, or would do. Rejected fixes are problems of their file in `report`."""

    report: Report
    """The audit of the new texts."""
    patches: tuple[FilePatch, ...]


def audit(paths: Iterable[str], config: Config, *, progress: Progress | None = None, means: Means = ALONE) -> Report:
    """Audits every candidate below `paths`. Raises ConfigError for an unknown rule in the configuration, nothing else."""
    run = _Run(config)
    return run.report(*run.audited(paths, means, progress))


def audit_source(source: SourceFile, config: Config) -> FileReport:
    """Audits one file, whether or not the gate would let it pass; what crashed is among its problems. Raises ConfigError."""
    run = _Run(config)
    try:
        discover.gate(source.text.encode("utf-8", "surrogatepass"))
    except Unreadable as error:
        return FileReport(source.name, None, problems=(Problem(UNREADABLE, error.message, source.name),))
    return run.each(lambda source: run.judged(source, full=False), [source])[0]


def audit_stdin(data: bytes, name: str, config: Config) -> Report:
    """Audits what an editor or a hook sends on standard input under the name of a file. Excludes hold with force_exclude only."""
    run = _Run(config)
    discovery = _discovered(data, name, config)
    files = run.each(lambda source: run.judged(source, full=False), discovery.candidates)
    return run.report(discovery, files)


def record(
    paths: Iterable[str], config: Config, file: Path, *, progress: Progress | None = None, means: Means = ALONE
) -> tuple[str, Report]:
    """The text of a baseline with all that is found, and the report that hides it.

    What `file` records and this run does not judge stays in it: other files, other rules. Raises ConfigError.
    """
    from poolaudit import baseline

    run = _Run(override(config, no_baseline=True))
    old = baseline.load(file) if file.exists() else baseline.Baseline(file)
    discovery, files = run.audited(paths, means, progress)
    new = baseline.parse(file, old.recorded(files, run.judging(discovery, files)))
    hidden = [
        each if each.facts is None else replace(each, findings=tuple(new.hidden(each.facts, each.findings))) for each in files
    ]
    return new.text, replace(run.report(discovery, hidden), baseline=new.name)


def rewrite(
    paths: Iterable[str],
    config: Config,
    *,
    unsafe: bool = False,
    write: bool = False,
    progress: Progress | None = None,
    means: Means = ALONE,
) -> Rewrite:
    """Applies fixes to a fixed point, verifies, and writes when `write`. Raises ConfigError."""
    run = _Run(config)
    discovery, cache = run.discovered(paths, means)
    known = {} if cache is None else cache.reports

    def fixed(source: SourceFile) -> tuple[FileReport, FilePatch | None]:
        report = known.get(source.name)
        if report is not None and not any(_may_be_fixed(each, unsafe) for each in report.findings):
            return report, None
        return run.fixed(source, unsafe=unsafe, full=discovery.full, write=write)

    return run.rewrite(discovery, run.each(fixed, discovery.candidates, progress))


def _may_be_fixed(each: Reported, unsafe: bool) -> bool:
    return each.fix is not None and not each.suppressed and (unsafe or each.fix.applicability == "safe")


def rewrite_stdin(data: bytes, name: str, config: Config, *, unsafe: bool = False) -> Rewrite:
    """As `rewrite` for standard input; nothing is written: the new text is in the patch, if there is one."""
    run = _Run(config)
    discovery = _discovered(data, name, config)
    done = run.each(lambda source: run.fixed(source, unsafe=unsafe, full=False, write=False), discovery.candidates)
    return run.rewrite(discovery, done)


def _discovered(data: bytes, name: str, config: Config) -> Discovery:
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
    return replace(report, facts=brief)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What holds for some files of a run."""

    config: Config
    selection: Selection


class _Run:
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

    def audited(self, paths: Iterable[str], means: Means, progress: Progress | None = None) -> tuple[Discovery, list[FileReport]]:
        """What was found below the paths, and the reports of all candidates, in their order."""
        discovery, cache = self.discovered(paths, means)
        reports = {} if cache is None else dict(cache.reports)
        for source in discovery.candidates:
            self.scope(source.name)  # whatever may be wrong with a configuration is told here
        left = [source for source in discovery.candidates if source.name not in reports]

        def done(source: SourceFile, noted: Noted) -> None:
            report, looks = noted
            reports[source.name] = report
            if cache is not None and all(problem.code != CRASH for problem in report.problems):
                cache.keep(source.name, report, looks)

        self._judge(left, discovery.full, means, done, progress)
        return discovery, [reports[source.name] for source in discovery.candidates]

    def discovered(self, paths: Iterable[str], means: Means) -> tuple[Discovery, Cache | None]:
        """What lies below the paths, and what is remembered of it."""
        paths = list(paths)
        cache = self._cache(means.private, discover.covers(paths, self.config.root)) if means.private is not None else None
        discovery = discover.discover(paths, self.config, layout=self.layout, memory=cache)
        if cache is not None:
            cache.close()
        return discovery, cache

    def _cache(self, private: Path, full: bool) -> Cache | None:
        from poolaudit import cache
        from poolaudit.disk import digest

        known: dict[Path, bytes] = {}

        def configured(name: str) -> bytes:
            config = self._closest.of(name)
            if config.root not in known:
                baseline = self.baseline(config)
                recorded = "" if baseline is None else baseline.text
                known[config.root] = digest(repr((self.config.root, full, config.of_reports, recorded)).encode())
            return known[config.root]

        return cache.opened(self.config.root, private, self.layout.disk, configured)

    def _judge(
        self, sources: Sequence[SourceFile], full: bool, means: Means, done: Done, progress: Progress | None = None
    ) -> None:
        """Judges files by as many processes as pay off; `done` is told each as it ends."""
        crew = self._crew(means, sources)
        if crew is None:
            self.each(lambda source: done(source, self.noted(source, full=full)), sources, progress)
        else:
            self._by(crew, sources, full, done, progress)

    def _crew(self, means: Means, sources: Sequence[SourceFile]) -> Crew | None:
        """Who does the work; None for this process."""
        if not sources or (means.jobs == 1 and not means.executor):
            return None
        from poolaudit import executors

        if means.executor:
            return executors.named(means.executor, means.jobs)
        crew = executors.local(means.jobs or executors.usable(), sum(len(source.text) for source in sources))
        if crew is not None:
            self._prepare()
        return crew

    def _by(self, crew: Crew, sources: Sequence[SourceFile], full: bool, done: Done, progress: Progress | None) -> None:
        from poolaudit import parallel

        ended: list[str] = []

        def told(source: SourceFile, noted: Noted) -> None:
            ended.append(source.name)
            if progress is not None:
                progress(source.name, len(ended), len(sources))
            done(source, noted)

        def lost(source: SourceFile, error: BaseException) -> None:
            problem = Problem(CRASH, f"its worker died, twice: {type(error).__name__}: {error}", source.name)
            told(source, (FileReport(source.name, None, problems=(problem,)), {}))

        work = partial(judge_batch, Order(self.config, full).packed())
        groups = parallel.split([len(source.text) for source in sources], crew.count)
        parallel.run(crew, (parallel.Batch(work, tuple(sources[number] for number in group), told, lost) for group in groups))

    def _prepare(self) -> None:
        """Imports what workers need before they are forked, so that each has it already."""
        from poolaudit.judge import judge
        from poolaudit.source import from_text

        scope = self._scopes[self.config.root]
        judge(from_text("from multiprocessing import Pool\nPool()\n", "a.py"), scope.config, scope.selection)

    def fixed(self, source: SourceFile, *, unsafe: bool, full: bool, write: bool) -> tuple[FileReport, FilePatch | None]:
        from poolaudit.fixing import fix
        from poolaudit.judge import attempt

        crashes: list[Problem] = []
        scope = self.scope(source.name)
        baseline = self.baseline(scope.config)

        def work() -> Fixed:
            config, selection = scope.config, scope.selection
            return fix(source, config, selection, unsafe=unsafe, full=full, project=self.project, baseline=baseline)

        fixed = attempt("fixing", source.name, work, crashes)
        if fixed is None:
            report = self.judged(source, full=full)
            return replace(report, problems=(*report.problems, *crashes)), None
        if fixed.text == source.text:
            return fixed.report, None
        if write:
            try:
                write_source(source, fixed.text)
            except (ChangedOnDisk, UnicodeError, OSError) as error:
                report = self.judged(source, full=full)
                return replace(report, problems=(*report.problems, Problem(NOT_WRITTEN, str(error), source.name))), None
            # what was parsed of this file for the sake of others is out of date
            self.__dict__.pop("project", None)
            self.__dict__.pop("layout", None)
        return fixed.report, FilePatch(source, fixed.text, fixed.findings)

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

    def report(self, discovery: Discovery, files: Iterable[FileReport], patches: Sequence[FilePatch] = ()) -> Report:
        unread = [FileReport(problem.path, None, problems=(problem,)) for problem in discovery.unreadable]
        everything = sorted([*files, *unread], key=lambda file: file.path)
        problems = [*discovery.problems, *(problem for file in everything for problem in file.problems if problem.code == CRASH)]
        kept = [replace(file, problems=tuple(self._kept(file.problems))) for file in everything]
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
            changed=tuple(patch.path for patch in patches),
            fixes_applied=sum(len(patch.fixed) for patch in patches),
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

    def rewrite(self, discovery: Discovery, done: Sequence[tuple[FileReport, FilePatch | None]]) -> Rewrite:
        patches = tuple(patch for _, patch in done if patch is not None)
        return Rewrite(self.report(discovery, [file for file, _ in done], patches), patches)


# --- in a worker


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker must know of a run, beside the files."""

    config: Config
    full: bool
    folder: str = field(default_factory=os.getcwd)
    """The working folder: paths are relative to it."""
    version: str = __version__
    run: str = field(default_factory=lambda: os.urandom(8).hex())
    """Workers of a cluster outlive a run, and files that they have read change."""

    def packed(self) -> bytes:
        """Pickled once, for many batches."""
        import pickle

        return pickle.dumps(self, protocol=5)


@lru_cache(maxsize=4)
def _unpacked(order: bytes) -> tuple[Order, _Run]:
    """Once in each worker: what has been parsed of other files serves the whole run."""
    import pickle

    found: Order = pickle.loads(order)
    if found.version != __version__:
        raise RuntimeError(f"this worker has poolaudit {__version__}, the run needs {found.version}")
    return found, _Run(found.config)


_ONE_AT_A_TIME = threading.Lock()
"""A worker may have threads; the working folder and the limits of the interpreter are the process's own."""


def judge_batch(order: bytes, sources: Sequence[SourceFile]) -> list[Noted]:
    """The reports of some files, in their order. `order`: a packed Order."""
    with _ONE_AT_A_TIME:
        known, run = _unpacked(order)
        before = os.getcwd()
        os.chdir(known.folder)
        try:
            return run.each(lambda source: run.noted(source, full=known.full), sources)
        finally:
            os.chdir(before)

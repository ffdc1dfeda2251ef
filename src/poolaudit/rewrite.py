"""The loops of --fix and --diff: rewrite files.

Knows that files are fixed, verified and written, and what of that is told. Must never know the command line, an output format, a
rule or a syntax tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from poolaudit.config import Config
from poolaudit.discover import Discovery
from poolaudit.report import NOT_WRITTEN, FileReport, Problem, Progress, Report, Reported
from poolaudit.run import ALONE, Means, Run, standard_input
from poolaudit.source import ChangedOnDisk, SourceFile, content
from poolaudit.source import write as write_source

if TYPE_CHECKING:
    from poolaudit.fixing import Fixed

# fixing is imported where a candidate has been found: with it come the facts, the rules and libcst


class FilePatch(Struct, frozen=True):
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


class Rewrite(Struct, frozen=True):
    """What a rewrite did, or would do. Rejected fixes are problems of their file in `report`."""

    report: Report
    """The audit of the new texts."""
    patches: tuple[FilePatch, ...]


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
    run = Run(config)
    discovery, cache = run.discovered(paths, means)
    known = {} if cache is None else cache.reports

    def fixed(source: SourceFile) -> tuple[FileReport, FilePatch | None]:
        report = known.get(source.name)
        if report is not None and not any(_may_be_fixed(each, unsafe) for each in report.findings):
            return report, None
        return _fixed(run, source, unsafe=unsafe, full=discovery.full, write=write)

    return _told(run, discovery, run.each(fixed, discovery.candidates, progress))


def _may_be_fixed(each: Reported, unsafe: bool) -> bool:
    return each.fix is not None and not each.suppressed and (unsafe or each.fix.applicability == "safe")


def rewrite_stdin(data: bytes, name: str, config: Config, *, unsafe: bool = False) -> Rewrite:
    """As `rewrite` for standard input; nothing is written: the new text is in the patch, if there is one."""
    run = Run(config)
    discovery = standard_input(data, name, config)
    done = run.each(lambda source: _fixed(run, source, unsafe=unsafe, full=False, write=False), discovery.candidates)
    return _told(run, discovery, done)


def _fixed(run: Run, source: SourceFile, *, unsafe: bool, full: bool, write: bool) -> tuple[FileReport, FilePatch | None]:
    from poolaudit.fixing import fix
    from poolaudit.judge import attempt

    crashes: list[Problem] = []
    scope = run.scope(source.name)
    baseline = run.baseline(scope.config)

    def work() -> Fixed:
        config, selection = scope.config, scope.selection
        return fix(source, config, selection, unsafe=unsafe, full=full, project=run.project, baseline=baseline)

    fixed = attempt("fixing", source.name, work, crashes)
    if fixed is None:
        report = run.judged(source, full=full)
        return report._replace(problems=(*report.problems, *crashes)), None
    if fixed.text == source.text:
        return fixed.report, None
    if write:
        try:
            write_source(source, fixed.text)
        except (ChangedOnDisk, UnicodeError, OSError) as error:
            report = run.judged(source, full=full)
            return report._replace(problems=(*report.problems, Problem(NOT_WRITTEN, str(error), source.name))), None
        run.forget()
    return fixed.report, FilePatch(source, fixed.text, fixed.findings)


def _told(run: Run, discovery: Discovery, done: Sequence[tuple[FileReport, FilePatch | None]]) -> Rewrite:
    patches = tuple(patch for _, patch in done if patch is not None)
    report = run.report(discovery, [file for file, _ in done])
    changed, fixes = tuple(patch.path for patch in patches), sum(len(patch.fixed) for patch in patches)
    return Rewrite(report._replace(changed=changed, fixes_applied=fixes), patches)

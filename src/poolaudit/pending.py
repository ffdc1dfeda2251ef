"""An audit under way: what is known of its files already, and what is left to judge.

Knows what becomes of a report, of one that was remembered, and of a file that takes its worker along. Must never know who judges,
or how many audits are under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from poolaudit.report import FileReport, Problem, Report
from poolaudit.run import CRASH, Means, Noted, Run
from poolaudit.source import SourceFile

if TYPE_CHECKING:
    from poolaudit.parallel import Batch


class Pending:
    """The audit of some paths."""

    def __init__(self, run: Run, paths: Iterable[str], means: Means) -> None:
        """Looks for the files. Raises ConfigError for whatever may be wrong with a configuration."""
        self._run = run
        self.discovery, self._cache = run.discovered(paths, means)
        self._reports = {} if self._cache is None else dict(self._cache.reports)
        for source in self.discovery.candidates:
            run.baseline(run.scope(source.name).config)
        self.left = tuple(source for source in self.discovery.candidates if source.name not in self._reports)
        """The files to judge."""
        self._undone = len(self.left)

    @property
    def is_done(self) -> bool:
        """Every file has its report."""
        return not self._undone

    @property
    def files(self) -> list[FileReport]:
        """The reports of all candidates, in their order. All must be done."""
        return [self._reports[source.name] for source in self.discovery.candidates]

    def report(self) -> Report:
        """What it adds up to. All must be done."""
        return self._run.report(self.discovery, self.files)

    def judge(self, source: SourceFile) -> None:
        """Judges one file, here."""
        self._done(source, self._run.noted(source, full=self.discovery.full))

    def batches(self, workers: int, told: Callable[[str], None]) -> Iterator[Batch[SourceFile, Noted]]:
        """What is left, for so many workers. `told` is given the name of each file that is done."""
        from poolaudit.parallel import Batch, split
        from poolaudit.worker import Order, judge_batch

        work = partial(judge_batch, Order(self._run.config, self.discovery.full).packed())

        def done(source: SourceFile, noted: Noted) -> None:
            self._done(source, noted)
            told(source.name)

        def lost(source: SourceFile, error: BaseException) -> None:
            problem = Problem(CRASH, f"its worker died, twice: {type(error).__name__}: {error}", source.name)
            done(source, (FileReport(source.name, None, problems=(problem,)), {}))

        for group in split([len(source.text) for source in self.left], workers):
            yield Batch(work, tuple(self.left[number] for number in group), done, lost)

    def _done(self, source: SourceFile, noted: Noted) -> None:
        report, looks = noted
        self._reports[source.name] = report
        self._undone -= 1
        if self._cache is not None and all(problem.code != CRASH for problem in report.problems):
            self._cache.keep(source.name, report, looks)

"""The loop over a fleet: many projects in one run, each with its own configuration, by workers that all of them share.

Knows when a project is done. Must never know how one is judged, the command line, an output format or a rule.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec import Struct

from poolaudit.config import Config, ConfigError
from poolaudit.executors import crew
from poolaudit.parallel import Batch
from poolaudit.parallel import run as run_batches
from poolaudit.pending import Pending
from poolaudit.report import Progress, Report
from poolaudit.run import ALONE, Means, Noted, Run
from poolaudit.source import SourceFile

Finished = Callable[[str, Config, Report], None]
"""Is told each root with its configuration and what was found, as its last file is done."""
Failed = Callable[[str, ConfigError], None]
"""Is told each root that has a configuration which cannot be used."""


class _Project(Struct, frozen=True):
    root: str
    config: Config
    run: Run
    pending: Pending


class Fleet:
    """Folders that are projects of their own.

    Of those under way the sources and reports are in memory, of the others nothing.
    """

    def __init__(
        self,
        roots: Sequence[str],
        configured: Callable[[str], Config],
        finished: Finished,
        failed: Failed,
        *,
        means: Means = ALONE,
        progress: Progress | None = None,
    ) -> None:
        """`configured`: the configuration of a root; it may raise ConfigError."""
        self._roots = roots
        self._configured = configured
        self._finished = finished
        self._failed = failed
        self._means = means
        self._progress = progress
        self._ended = 0

    def audit(self) -> None:
        """Audits each root as `engine.audit` does. Raises ConfigError for an unknown engine."""
        hands = crew(self._means.jobs, self._means.executor, sys.maxsize)  # how much there is to do shows on the way
        if hands is not None:
            run_batches(hands, self._batches(hands.count))
            return
        for project in self._begun():
            project.run.each(project.pending.judge, project.pending.left)
            self._end(project)

    def _begun(self) -> Iterator[_Project]:
        """The projects in which something is left to judge."""
        for root in self._roots:
            try:
                config = self._configured(root)
                run = Run(config)
                project = _Project(root, config, run, Pending(run, [root], self._means))
            except ConfigError as error:
                self._tell(root)
                self._failed(root, error)
                continue
            if project.pending.is_done:
                self._end(project)
            else:
                yield project

    def _batches(self, workers: int) -> Iterator[Batch[SourceFile, Noted]]:
        """Asked for as workers get free: the next project is looked for while they work on the last one."""
        for number, project in enumerate(self._begun()):
            if not number and not self._means.executor:
                project.run.prepare()
            yield from project.pending.batches(workers, partial(self._follow, project))

    def _follow(self, project: _Project, _: str) -> None:
        if project.pending.is_done:
            self._end(project)

    def _end(self, project: _Project) -> None:
        self._tell(project.root)
        self._finished(project.root, project.config, project.pending.report())

    def _tell(self, root: str) -> None:
        self._ended += 1
        if self._progress is not None:
            self._progress(root, self._ended, len(self._roots))

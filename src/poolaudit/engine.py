"""The loops of an audit: files and folders, one file, standard input, the record of a baseline.

Knows which files there are, and who judges them. Must never know the command line, an output format, a rule or a syntax tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from poolaudit import discover
from poolaudit.config import Config, override
from poolaudit.discover import UNREADABLE
from poolaudit.pending import Pending
from poolaudit.report import FileReport, Problem, Progress, Report
from poolaudit.run import ALONE, Means, Run, standard_input
from poolaudit.source import SourceFile, Unreadable


def audit(paths: Iterable[str], config: Config, *, progress: Progress | None = None, means: Means = ALONE) -> Report:
    """Audits every candidate below `paths`. Raises ConfigError for an unknown rule in the configuration, nothing else."""
    return _audited(Run(config), paths, means, progress).report()


def audit_source(source: SourceFile, config: Config) -> FileReport:
    """Audits one file, whether or not the gate would let it pass; what crashed is among its problems. Raises ConfigError."""
    run = Run(config)
    try:
        discover.gate(source.text.encode("utf-8", "surrogatepass"))
    except Unreadable as error:
        return FileReport(source.name, None, problems=(Problem(UNREADABLE, error.message, source.name),))
    return run.each(lambda source: run.judged(source, full=False), [source])[0]


def audit_stdin(data: bytes, name: str, config: Config) -> Report:
    """Audits what an editor or a hook sends on standard input under the name of a file. Excludes hold with force_exclude only."""
    run = Run(config)
    discovery = standard_input(data, name, config)
    files = run.each(lambda source: run.judged(source, full=False), discovery.candidates)
    return run.report(discovery, files)


def record(
    paths: Iterable[str], config: Config, file: Path, *, progress: Progress | None = None, means: Means = ALONE
) -> tuple[str, Report]:
    """The text of a baseline with all that is found, and the report that hides it.

    What `file` records and this run does not judge stays in it: other files, other rules. Raises ConfigError.
    """
    from poolaudit import baseline

    run = Run(override(config, no_baseline=True))
    old = baseline.load(file) if file.exists() else baseline.Baseline(file)
    audited = _audited(run, paths, means, progress)
    new = baseline.parse(file, old.recorded(audited.files, run.judging(audited.discovery, audited.files)))
    hidden = [
        each if each.facts is None else each._replace(findings=tuple(new.hidden(each.facts, each.findings)))
        for each in audited.files
    ]
    return new.text, run.report(audited.discovery, hidden)._replace(baseline=new.name)


def _audited(run: Run, paths: Iterable[str], means: Means, progress: Progress | None) -> Pending:
    """An audit that is done, by as many processes as pay off."""
    pending = Pending(run, paths, means)
    crew = None
    if pending.left and (means.executor or means.jobs != 1):
        from poolaudit import executors, parallel

        crew = executors.crew(means.jobs, means.executor, sum(len(source.text) for source in pending.left))
    if crew is None:
        run.each(pending.judge, pending.left, progress)
        return pending
    if not means.executor:
        run.prepare()
    ended: list[str] = []

    def told(name: str) -> None:
        ended.append(name)
        if progress is not None:
            progress(name, len(ended), len(pending.left))

    parallel.run(crew, pending.batches(crew.count, told))
    return pending

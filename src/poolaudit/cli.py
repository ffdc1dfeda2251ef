"""The command line.

Knows arguments, the environment, streams and exit statuses; the only module that prints, exits or reads environment variables.
Must never know how anything is found, decided or worded: it parses, calls the engine and hands the report to a format.

Imports stay inside the functions that need them: most runs end before libcst, rich or msgspec would be worth their start-up time.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from poolaudit import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem
    from rich.progress import Progress

    from poolaudit.config import Config, ConfigError
    from poolaudit.migration import MigrationRun
    from poolaudit.report import Problem, Report
    from poolaudit.report.advice import Advised
    from poolaudit.rewrite import Rewrite
    from poolaudit.rule import Rule
    from poolaudit.run import Means

CLEAN, FOUND, FAILED, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141
FORMATS = ("text", "concise", "json")
SEVERITIES = ("error", "warning", "info")
WIDTH = 120
"""Cells of a line where the output is no terminal."""
WIDEST = 140
"""Longer lines are hard to read, however wide the terminal is."""
PROGRESS_AFTER = 1.0
"""Seconds of silence before progress is shown."""

Command = TypeVar("Command", bound=Callable[..., Any])


# --- streams


def use_color(choice: str, stream: IO[str], environ: Mapping[str, str]) -> bool:
    """--color, then NO_COLOR, then FORCE_COLOR or CLICOLOR_FORCE, then TERM=dumb, then whether it is a terminal.

    https://no-color.org, https://force-color.org, https://bixense.com/clicolors
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return environ.get("TERM") != "dumb" and stream.isatty()


def line_width() -> int:
    """The terminal's columns (or COLUMNS), within reason."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return WIDTH
    from shutil import get_terminal_size

    return min(get_terminal_size((WIDTH, 24)).columns, WIDEST)


class ProgressLine:
    """A bar on stderr, once the work takes long and somebody watches a terminal."""

    def __init__(self, quiet: bool) -> None:
        watched = sys.stderr.isatty() and not any(os.environ.get(name) for name in ("CI", "PRE_COMMIT"))
        self._wanted = watched and not quiet and os.environ.get("TERM") != "dumb"
        self._since = monotonic()
        self._bar: Progress | None = None

    def __call__(self, path: str, done: int, total: int) -> None:
        if not self._wanted or monotonic() - self._since < PROGRESS_AFTER:
            return
        if self._bar is None:
            self._bar = _progress_bar()
            self._bar.add_task("", total=total)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=_shortened(path))

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _progress_bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    description = TextColumn("{task.description}", markup=False)
    bar = Progress(BarColumn(20), MofNCompleteColumn(), description, console=Console(stderr=True), transient=True)
    bar.start()
    return bar


def _shortened(path: str) -> str:
    return path if len(path) <= 60 else f"...{path[-57:]}"


# --- options


def _complete_rules(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes and names of rules; behind the last comma of a list."""
    from click.shell_completion import CompletionItem

    from poolaudit.catalog import rules

    done, comma, last = incomplete.rpartition(",")
    found = ((word, rule) for rule in rules() for word in (rule.code, rule.name))
    return [
        CompletionItem(f"{done}{comma}{word}", help=rule.doc.strip().partition("\n")[0])
        for word, rule in found
        if word.lower().startswith(last.lower())
    ]


def _outputs(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """FORMAT=PATH, several times."""
    pairs = tuple((form, path) for form, _, path in (value.partition("=") for value in values))
    for (form, path), value in zip(pairs, values, strict=True):
        if form not in FORMATS or not path:
            raise click.BadParameter(f"{value!r} is not FORMAT=PATH with FORMAT one of {', '.join(FORMATS)}.")
    return pairs


def _selectors(name: str, text: str) -> Callable[[Command], Command]:
    return click.option(
        name,
        metavar="RULES",
        multiple=True,
        shell_complete=_complete_rules,
        help=f"{text} (repeatable, or a,b).",
    )


def _all(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


PROJECT = _all(
    click.option(
        "--target-version",
        metavar="VERSIONS",
        multiple=True,
        help="Python versions that the code supports, e.g. 3.10,3.14 (default: requires-python).",
    ),
    click.option("--config", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Use this configuration file."),
    click.option("--isolated", is_flag=True, help="Ignore every configuration file; requires-python is still read."),
)
TERMINAL = _all(
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours (default: auto)."),
    click.option("-q", "--quiet", is_flag=True, help="Findings and problems only."),
    click.option("-v", "--verbose", is_flag=True, help="Say more."),
)
RULES = _all(
    _selectors("--select", "Only these rules: codes, names or prefixes (PA, PA5)"),
    _selectors("--extend-select", "These rules as well, e.g. opt-in ones"),
    _selectors("--ignore", "Not these rules"),
    click.option(
        "--confidence",
        type=click.Choice(["certain", "likely"]),
        help="'likely' shows what is probable but not proven, too (default: certain).",
    ),
)
EXCLUDE = click.option(
    "--exclude", metavar="PATTERNS", multiple=True, help="Leave these files and folders out, too (repeatable, or a,b)."
)
STATUS = _all(
    click.option("--fail-on", type=click.Choice(SEVERITIES), help="The least severity that means status 1 (default: warning)."),
    click.option("--exit-zero", is_flag=True, help="Status 0 in spite of findings; 2 stays 2."),
)
MEANS = _all(
    click.option("--no-cache", is_flag=True, help="Remember nothing, and look at every file again."),
    click.option(
        "-j", "--jobs", metavar="N", type=click.IntRange(1), help="Processes at most (default: one for each processor)."
    ),
    click.option(
        "--executor",
        metavar="NAME",
        default="",
        help="Work on an engine instead: loky, mpi, dask://HOST:PORT or module:factory (docs/speed.md).",
    ),
)
PATHS = click.Path(path_type=str)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="poolaudit", message="%(prog)s %(version)s")
def cli() -> None:
    """Decides between multiprocessing.Pool and ProcessPoolExecutor, and finds what hangs, loses work or breaks with Python 3.14.

    \b
      poolaudit scan .               the bugs, and what they add up to
      poolaudit fleet ROOT...        the same for many projects in one run
      poolaudit advise FILE:LINE     which API that pool should use, and why
      poolaudit migrate .            what can be moved to ProcessPoolExecutor, and what is in the way
      poolaudit explain PA502        a rule, with programs that show the harm
    """


# --- scan


@cli.command(short_help="Find what is wrong with the pools of files and folders.")
@click.argument("paths", nargs=-1, type=PATHS)
@click.option("--fix", is_flag=True, help="Apply the safe fixes.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: the unsafe fixes, too.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@RULES
@EXCLUDE
@click.option("--force-exclude", is_flag=True, help="Excludes hold for files named on the command line, too (for pre-commit).")
@click.option("--baseline", metavar="FILE", type=click.Path(dir_okay=False), help="Hide the findings that this file records.")
@click.option("--no-baseline", is_flag=True, help="Show, and with --fix fix, what the configured baseline records, too.")
@click.option(
    "--write-baseline",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Record everything that is found in this file, for --baseline.",
)
@PROJECT
@click.option("--output-format", type=click.Choice(FORMATS), default="text", help="What is printed (default: text).")
@click.option(
    "--output",
    "outputs",
    metavar="FORMAT=PATH",
    multiple=True,
    callback=_outputs,
    help="Write a report to a file as well (repeatable).",
)
@click.option("--statistics", is_flag=True, help="Only how often each rule reported.")
@click.option("--show-files", is_flag=True, help="Only the files that would be looked at.")
@STATUS
@click.option(
    "--stdin-filename", metavar="PATH", type=PATHS, help="The name of what is read from standard input, with '-' as path."
)
@MEANS
@TERMINAL
@click.pass_context
def scan(context: click.Context, /, paths: tuple[str, ...], **options: Any) -> None:
    """Audit files and folders: findings, and what the pools add up to.

    Exit status: 0 clean, 1 findings at warning or above (or files changed by --fix, or a --diff that is not empty), 2 something
    could not be done.
    """
    context.exit(_Scan(paths or (".",), options).run())


class _Scan:
    """One `scan`: the options, and which of the ways through the engine they ask for."""

    def __init__(self, paths: tuple[str, ...], options: dict[str, Any]) -> None:
        self.paths = paths
        self.stdin = paths == ("-",)
        self.options = options
        if "-" in paths and not self.stdin:
            raise click.UsageError("'-' (standard input) cannot be mixed with other paths.")
        if options["stdin_filename"] and not self.stdin:
            raise click.UsageError("--stdin-filename needs '-' as the only path.")
        if options["statistics"] and options["output_format"] != "text":
            raise click.UsageError("--statistics is text only.")
        if options["baseline"] and options["no_baseline"]:
            raise click.UsageError("--baseline and --no-baseline exclude each other.")
        if options["write_baseline"]:
            for name in ("baseline", "fix", "diff", "show_files"):
                if options[name]:
                    raise click.UsageError(f"--write-baseline and --{name.replace('_', '-')} exclude each other.")
            if self.stdin:
                raise click.UsageError("--write-baseline records files, not standard input.")

    def run(self) -> int:
        config = self._config()
        if self.options["show_files"]:
            return self._show_files(config)
        if self.options["diff"]:
            return self._diff(config)
        if self.options["fix"]:
            return self._fix(config)
        if self.options["write_baseline"]:
            return self._record(config)
        report = self._audit(config)
        _print(self._rendered(report, sys.stdout))
        self._write_outputs(report)
        return self._status(report, config)

    @property
    def _name(self) -> str:
        """What standard input is called."""
        return self.options["stdin_filename"] or "stdin.py"

    def _config(self) -> Config:
        where = (self._name,) if self.stdin else self.paths
        chosen = (
            "select", "extend_select", "ignore", "exclude", "confidence", "fail_on", "force_exclude", "baseline", "no_baseline",
        )  # fmt: skip
        forms = {self.options["output_format"], *(form for form, _ in self.options["outputs"])}
        return _load(where, self.options, **{key: self.options[key] for key in chosen}, plans="json" in forms)

    def _show_files(self, config: Config) -> int:
        from poolaudit.discover import discover

        discovery = discover(self.paths, config)
        _print("".join(f"{name}\n" for name in discovery.scanned))
        return _tell(discovery.problems)

    def _audit(self, config: Config) -> Report:
        from poolaudit import engine

        if self.stdin:
            return engine.audit_stdin(_stdin(), self._name, config)
        with ProgressLine(self.options["quiet"]) as progress:
            return engine.audit(self.paths, config, progress=progress, means=_means(self.options, config.jobs))

    def _rewrite(self, config: Config, data: bytes, *, write: bool) -> Rewrite:
        from poolaudit import rewrite

        unsafe = self.options["unsafe_fixes"]
        if self.stdin:
            return rewrite.rewrite_stdin(data, self._name, config, unsafe=unsafe)
        with ProgressLine(self.options["quiet"]) as progress:
            means = _means(self.options, config.jobs)
            return rewrite.rewrite(self.paths, config, unsafe=unsafe, write=write, progress=progress, means=means)

    def _diff(self, config: Config) -> int:
        """Shows what --fix would do, and writes nothing."""
        from poolaudit.report.diff import painted, patch

        rewrite = self._rewrite(config, _stdin() if self.stdin else b"", write=False)
        color = use_color(self.options["color"], sys.stdout, os.environ)
        _print("".join(painted(patch(*each.contents, each.path), color=color) for each in rewrite.patches))
        if not self.options["quiet"]:
            _say(_would_fix(rewrite, self.options["unsafe_fixes"], self.paths))
        return _tell(_problems(rewrite.report)) or self._changed(rewrite)

    def _fix(self, config: Config) -> int:
        """Writes the fixes and reports what is left. Of standard input the new text is the result, the report goes to stderr."""
        data = _stdin() if self.stdin else b""
        rewrite = self._rewrite(config, data, write=True)
        if self.stdin:
            _print(_fixed(rewrite, data))
            _say(self._rendered(rewrite.report, sys.stderr))
        else:
            _print(self._rendered(rewrite.report, sys.stdout))
        self._write_outputs(rewrite.report)
        return self._status(rewrite.report, config) or self._changed(rewrite)

    def _record(self, config: Config) -> int:
        """Writes the baseline, and reports what is left: problems."""
        from pathlib import Path

        from poolaudit import engine

        file = self.options["write_baseline"]
        with ProgressLine(self.options["quiet"]) as progress:
            text, report = engine.record(
                self.paths, config, Path(file).absolute(), progress=progress, means=_means(self.options, config.jobs)
            )
        _write(file, text)
        _print(self._rendered(report, sys.stdout))
        self._write_outputs(report)
        if not self.options["quiet"]:
            _say(_recorded(report, file))
        return self._status(report, config)

    def _changed(self, rewrite: Rewrite) -> int:
        return FOUND if rewrite.patches and not self.options["exit_zero"] else CLEAN

    def _status(self, report: Report, config: Config) -> int:
        from poolaudit.report.summary import exit_status

        return exit_status(report, config.fail_on, exit_zero=self.options["exit_zero"])

    def _rendered(self, report: Report, stream: IO[str]) -> str:
        form = self.options["output_format"]
        if form != "text":
            return _formatted(form, report)
        from poolaudit.report import text

        color = use_color(self.options["color"], stream, os.environ)
        if self.options["statistics"]:
            return text.statistics(report, color=color)
        return text.render(report, color=color, width=line_width(), quiet=self.options["quiet"], verbose=self.options["verbose"])

    def _write_outputs(self, report: Report) -> None:
        for form, path in self.options["outputs"]:
            _write(path, _formatted(form, report))


def _write(path: str, text: str) -> None:
    """A report as a file, whole or not at all."""
    try:
        with click.open_file(path, "w", encoding="utf-8", atomic=path != "-") as stream:
            stream.write(text)
    except OSError as error:
        raise click.FileError(path, error.strerror) from error


def _formatted(form: str, report: Report) -> str:
    """A report in a format, for a file or a program: no colours, one width."""
    from importlib import import_module

    module = import_module(f"poolaudit.report.{form}")
    rendered: str = module.render(report)
    return rendered


def _recorded(report: Report, file: str) -> str:
    """What a --write-baseline has done, and the command that makes use of it."""
    from shlex import join

    from poolaudit.report.summary import summarize

    number = summarize(report).baselined
    counted = f"{number} finding{'s' * (number != 1)}"
    return f"Recorded {counted} in {file}: {join(['poolaudit', 'scan', '--baseline', file])}\n"


def _would_fix(rewrite: Rewrite, unsafe: bool, paths: Iterable[str]) -> str:
    """What a --diff adds up to, and the command that does it."""
    from shlex import join

    from poolaudit.report.summary import summarize

    if not rewrite.patches:
        hidden = 0 if unsafe else summarize(rewrite.report).unsafe
        return f"Nothing to change ({hidden} more with --unsafe-fixes)\n" if hidden else "Nothing to change\n"
    fixes, files = sum(len(each.fixed) for each in rewrite.patches), len(rewrite.patches)
    command = ["poolaudit", "scan", "--fix", *(["--unsafe-fixes"] if unsafe else []), *paths]
    counted = f"{fixes} finding{'s' * (fixes != 1)} in {files} file{'s' * (files != 1)}"
    return f"Would fix {counted}: {join(command)}\n"


def _fixed(rewrite: Rewrite, data: bytes) -> bytes:
    """Standard input with its fixes, in its own encoding."""
    from poolaudit.source import encode

    return encode(rewrite.patches[0].source, rewrite.patches[0].after) if rewrite.patches else data


# --- fleet


@cli.command(short_help="Audit many projects in one run, each with its own configuration.")
@click.argument("roots", nargs=-1, required=True, metavar="ROOT...", type=PATHS)
@RULES
@EXCLUDE
@PROJECT
@click.option("--output-format", type=click.Choice(FORMATS), default="text", help="What is printed (default: text).")
@STATUS
@MEANS
@TERMINAL
@click.pass_context
def fleet(context: click.Context, /, roots: tuple[str, ...], **options: Any) -> None:
    """Audit many projects in one run: each as `scan ROOT` does, with its own configuration, and what all of them add up to.

    Each is reported as its last file is done. As JSON: one document on a line for each, and one for the total.

    Exit status: that of the worst project; 2 also where a configuration cannot be used, which does not stop the others.
    """
    context.exit(_Fleet(roots, options).run())


class _Fleet:
    """One `fleet`: its options, and what has come of the projects so far."""

    def __init__(self, roots: tuple[str, ...], options: dict[str, Any]) -> None:
        from poolaudit.report.fleet import Total

        self.roots = roots
        self.options = options
        self.total = Total()
        self.status = CLEAN
        self.color = use_color(options["color"], sys.stdout, os.environ)

    def run(self) -> int:
        from poolaudit.fleet import Fleet

        with ProgressLine(self.options["quiet"]) as progress:
            means = _means(self.options, None)
            Fleet(self.roots, self._config, self._finished, self._failed, means=means, progress=progress).audit()
        self._told()
        return self.status

    def _config(self, root: str) -> Config:
        chosen = ("select", "extend_select", "ignore", "exclude", "confidence", "fail_on")
        plans = self.options["output_format"] == "json"
        return _load([root], self.options, **{key: self.options[key] for key in chosen}, plans=plans)

    def _finished(self, root: str, config: Config, report: Report) -> None:
        from poolaudit.report import fleet, text
        from poolaudit.report.summary import exit_status

        self.total.add(report)
        self.status = max(self.status, exit_status(report, config.fail_on, exit_zero=self.options["exit_zero"]))
        form = self.options["output_format"]
        if form == "json":
            _print(fleet.project_line(root, report))
        elif form == "concise":
            _print(_formatted(form, report))
        else:
            quiet, verbose = self.options["quiet"], self.options["verbose"]
            said = text.render(report, color=self.color, width=line_width(), quiet=quiet, verbose=verbose, hints=False)
            _print(f"{fleet.heading(root, color=self.color)}{said}\n" if said else "")

    def _failed(self, root: str, error: ConfigError) -> None:
        from poolaudit.report import fleet

        self.total.fail()
        self.status = FAILED
        if self.options["output_format"] == "json":
            _print(fleet.failed_line(root, str(error)))
        _say(f"Error: {root}: {error}\n")

    def _told(self) -> None:
        from poolaudit.report import fleet

        if self.options["output_format"] == "json":
            _print(fleet.total_line(self.total))
        elif self.options["output_format"] == "text" and not self.options["quiet"]:
            _print(fleet.text(self.total, color=self.color))


# --- advise


@cli.command(short_help="Tell which API each pool should use, and why.")
@click.argument("places", nargs=-1, required=True, metavar="PATH[:LINE]...", type=PATHS)
@PROJECT
@click.option("--output-format", type=click.Choice(["text", "json", "markdown"]), default="text", help="(default: text)")
@TERMINAL
@click.pass_context
def advise(context: click.Context, /, places: tuple[str, ...], **options: Any) -> None:
    """Tell which API each pool should use: what was asked, the line that answered, what is not known, what would flip it.

    A line of a notebook is PATH:CELL:LINE.
    """
    from poolaudit import engine
    from poolaudit.report import advice
    from poolaudit.run import Means

    asked = [_place(place) for place in places]
    paths = tuple(dict.fromkeys(path for path, *_ in asked))
    config = _load(paths, options, no_baseline=True)
    with ProgressLine(options["quiet"]) as progress:
        report = engine.audit(paths, config, progress=progress, means=Means(config.jobs, private=_private()))
    pools = advice.advised(report)
    try:
        chosen = _chosen(pools, asked)
    except advice.NoPoolError as error:
        raise click.UsageError(str(error)) from error
    if options["output_format"] == "text":
        color = use_color(options["color"], sys.stdout, os.environ)
        _print(advice.text(chosen, color=color, width=line_width(), verbose=options["verbose"]))
    else:
        _print({"json": advice.json, "markdown": advice.markdown}[options["output_format"]](chosen))
    if not chosen and not options["quiet"]:
        _say(f"No process pools in {', '.join(paths)}\n")
    context.exit(_tell(_problems(report)))


def _place(place: str) -> tuple[str, int | None, int | None]:
    """'path:12' as path and line, 'path:3:12' as path, line and cell; a file that is really called so comes first."""
    numbers: list[int] = []
    path, colon, last = place.rpartition(":")
    while colon and last.isdecimal() and len(numbers) < 2 and not os.path.exists(place):
        numbers.append(int(last))
        place = path
        path, colon, last = place.rpartition(":")
    line, cell, *_ = (*numbers, None, None)
    return place, line, cell


def _chosen(pools: Sequence[Advised], asked: Iterable[tuple[str, int | None, int | None]]) -> list[Advised]:
    """The pools of every place, each once, in the order of the report."""
    from poolaudit.report.advice import at_line

    wanted: set[int] = set()
    for path, line, cell in asked:
        below = [each for each in pools if _is_below(each.path, path)]
        wanted.update(id(each) for each in (below if line is None else at_line(below, path, line, cell)))
    return [each for each in pools if id(each) in wanted]


def _is_below(path: str, folder: str) -> bool:
    path, folder = os.path.abspath(path), os.path.abspath(folder)
    return path == folder or path.startswith(os.path.join(folder, ""))


# --- migrate


@cli.command(short_help="Move pools to the other API, where that is proven to keep what the program does.")
@click.argument("paths", nargs=-1, type=PATHS)
@click.option(
    "--to",
    "direction",
    type=click.Choice(["executor", "pool"]),
    default="executor",
    help="executor: Pool to ProcessPoolExecutor, ThreadPool to ThreadPoolExecutor (default). pool: the way back.",
)
@click.option("--plan", is_flag=True, help="Show what can be moved, and what is in the way (default).")
@click.option("--diff", is_flag=True, help="Show the new code, and change nothing.")
@click.option("--write", is_flag=True, help="Move what is ready.")
@click.option(
    "--unsafe", is_flag=True, help="With --diff, --write or --verify: also what changes behaviour in a way that has a name."
)
@click.option(
    "--verify", metavar="COMMAND", help="Move pool by pool, run COMMAND after each, keep what passes and take back what does not."
)
@EXCLUDE
@PROJECT
@click.option(
    "--output-format", type=click.Choice(["text", "json", "markdown"]), default="text", help="Of the plan (default: text)."
)
@TERMINAL
@click.pass_context
def migrate(context: click.Context, /, paths: tuple[str, ...], **options: Any) -> None:
    """Move pools to the other API: all of a pool or nothing, and nothing that is not proven to be the same.

    Exit status: 0 done, whatever is blocked; 1 a --diff that is not empty, files changed by --write, or a pool that --verify took
    back; 2 something could not be done.
    """
    context.exit(_Migrate(paths or (".",), options).run())


class _Migrate:
    """One `migrate`: the options, and which way through the run they ask for."""

    def __init__(self, paths: tuple[str, ...], options: dict[str, Any]) -> None:
        self.paths = paths
        self.options = options
        chosen = [name for name in ("plan", "diff", "write", "verify") if options[name]]
        if len(chosen) > 1:
            raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other.")
        self.way = chosen[0] if chosen else "plan"
        if self.way != "plan" and options["output_format"] != "text":
            raise click.UsageError("--output-format is for the plan.")

    def run(self) -> int:
        from poolaudit.migration import MigrationRun

        config = _load(self.paths, self.options, exclude=self.options["exclude"])
        run = MigrationRun(self.paths, config, self.options["direction"], unsafe=self.options["unsafe"])
        ways = {"plan": self._plan, "diff": self._diff, "write": self._write, "verify": self._verify}
        return ways[self.way](run)

    def _plan(self, run: MigrationRun) -> int:
        from poolaudit.report import migration

        with ProgressLine(self.options["quiet"]) as progress:
            plan = run.plan(progress)
        if self.options["output_format"] == "text":
            color = use_color(self.options["color"], sys.stdout, os.environ)
            _print(migration.text(plan, color=color, width=line_width()))
        else:
            _print(migration.json(plan) if self.options["output_format"] == "json" else migration.markdown(plan))
        return _tell((*plan.problems, *(problem for file in plan.files for problem in file.problems)))

    def _diff(self, run: MigrationRun) -> int:
        from poolaudit.report.diff import painted, patch
        from poolaudit.report.migration import told

        color = use_color(self.options["color"], sys.stdout, os.environ)
        status = _tell(run.problems)
        steps = 0
        with ProgressLine(self.options["quiet"]) as progress:
            for moved in run.moved(progress):
                steps += len(moved.steps)
                if moved.steps:
                    _print(painted(patch(*moved.contents, moved.source.name), color=color))
                    self._tell("".join(f"{told(moved.source.name, step)}\n" for step in moved.steps))
                status = _tell(moved.problems) or status
        self._tell(f"Would move {steps} pool{'s' * (steps != 1)}\n")
        return status or (FOUND if steps else CLEAN)

    def _write(self, run: MigrationRun) -> int:
        from poolaudit.migration import write
        from poolaudit.report.migration import told

        status = _tell(run.problems)
        steps = 0
        with ProgressLine(self.options["quiet"]) as progress:
            for moved in run.moved(progress):
                status = _tell(moved.problems) or status
                if not moved.steps:
                    continue
                problem = write(moved)
                if problem is not None:
                    status = _tell([problem])
                    continue
                steps += len(moved.steps)
                _print("".join(f"{told(moved.source.name, step)}\n" for step in moved.steps))
        self._tell(f"Moved {steps} pool{'s' * (steps != 1)}\n")
        return status or (FOUND if steps else CLEAN)

    def _verify(self, run: MigrationRun) -> int:
        """Whatever ends a trial, Ctrl-C too, the file is either as the command has accepted it or as it was."""
        from poolaudit.report.migration import told

        status = _tell(run.problems)
        command = self.options["verify"]
        if (before := _shell(command)) != 0:
            _say(f"Error: the command fails before anything is moved (status {before}): {command}\n")
            return FAILED
        kept = back = 0
        for trial in run.trials():
            try:
                problem = trial.write()
                trial.kept = problem is None and _shell(command) == 0
            finally:
                if trial.is_written and not trial.kept:
                    problem = trial.take_back()
            if problem is not None:
                status = _tell([problem])
                continue
            kept, back = kept + trial.kept, back + (not trial.kept)
            _print(f"{'kept' if trial.kept else 'taken back'}: {told(trial.path, trial.step)}\n")
        status = _tell(run.refused) or status
        self._tell(f"Kept {kept}, took back {back}\n")
        return status or (FOUND if back else CLEAN)

    def _tell(self, text: str) -> None:
        if not self.options["quiet"]:
            _say(text)


def _shell(command: str) -> int:
    """Runs a command as the shell does, its output on stderr (2): stdout is for results."""
    import subprocess

    return subprocess.run(command, shell=True, stdout=2, check=False).returncode


# --- explain


@cli.command(short_help="Explain rules, or draw the decision tree.")
@click.argument("wanted", nargs=-1, metavar="[RULE]...", shell_complete=_complete_rules)
@click.option("--all", "everything", is_flag=True, help="The page of every rule.")
@click.option("--tree", is_flag=True, help="The decision tree.")
@click.option("--output-format", type=click.Choice(["text", "markdown", "json"]), default="text", help="(default: text)")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours (default: auto).")
@click.pass_context
def explain(
    context: click.Context, wanted: tuple[str, ...], everything: bool, tree: bool, output_format: str, color: str
) -> None:
    """Explain rules (by code, name or prefix) with programs that show the harm; without a rule, list them all.

    Blockers and caveats of migrations are explained by their name.
    """
    from poolaudit import explain as pages
    from poolaudit.catalog import rules
    from poolaudit.migrate.pages import named

    if tree:
        _print(pages.tree(output_format))
        return
    painted = use_color(color, sys.stdout, os.environ)
    if everything:
        _print(pages.render(rules(), output_format, color=painted, width=line_width()))
    elif len(wanted) == 1 and (meaning := named(wanted[0])) is not None:
        _print(meaning)
    elif wanted:
        _print(pages.render(_rules(wanted), output_format, color=painted, width=line_width()))
    else:
        _print(pages.listing(rules(), output_format, color=painted, width=line_width()))


def _rules(selectors: Iterable[str]) -> list[Rule]:
    """The rules that the selectors mean, by code."""
    from poolaudit.catalog import UnknownRuleError, resolve, rules

    try:
        codes = {code for selector in selectors for code in resolve(selector)}
    except UnknownRuleError as error:
        raise click.UsageError(str(error)) from error
    return [rule for rule in rules() if rule.code in codes]


# --- cache


@cli.group(short_help="The cache of a project.")
def cache() -> None:
    """What earlier runs have found, in .poolaudit_cache at the root of a project."""


@cache.command(short_help="Remove it.")
@click.argument("paths", nargs=-1, type=PATHS)
def clean(paths: tuple[str, ...]) -> None:
    """Remove the cache of the project that the paths belong to (default: that of the working folder)."""
    from poolaudit import cache as entries
    from poolaudit import config

    try:
        folder = entries.clean(config.load(config.common_folder(paths)).root)
    except OSError as error:
        raise click.FileError(str(error.filename), error.strerror) from error
    _say(f"Removed {folder}\n" if folder is not None else "There is no cache\n")


def _private() -> Path | None:
    """The user's own folder for what makes a cache trustworthy."""
    from pathlib import Path

    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(folder, "poolaudit") if os.path.isabs(folder) else None


# --- shared


def _load(paths: Sequence[str], options: Mapping[str, Any], **chosen: Any) -> Config:
    """The configuration for the paths, with what the command line says."""
    from poolaudit import config

    start = config.common_folder(paths)
    loaded = config.load(start, config_file=options["config"], isolated=options["isolated"])
    return config.override(loaded, target_version=options["target_version"], **chosen)


def _means(options: Mapping[str, Any], jobs: int | None) -> Means:
    """What the command line says of how the work is done; `jobs` where it does not say how many processes."""
    from poolaudit.run import Means

    return Means(options["jobs"] or jobs, options["executor"], None if options["no_cache"] else _private())


def _problems(report: Report) -> tuple[Problem, ...]:
    return (*report.problems, *(problem for file in report.files for problem in file.problems))


def _tell(problems: Iterable[Problem]) -> int:
    """Problems on stderr, and the exit status that they make."""
    from poolaudit.report.concise import located

    status = CLEAN
    for problem in problems:
        _say(f"{located(problem)}\n")
        status = FAILED
    return status


def _stdin() -> bytes:
    return sys.stdin.buffer.read()


class ReaderGoneError(Exception):
    """Nobody reads stdout any more. Not a BrokenPipeError, which click would turn into status 1: findings."""


def _print(result: str | bytes) -> None:
    """A result. Whether text has colours was decided before."""
    try:
        click.echo(result, nl=False, color=True)
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def _say(text: str) -> None:
    """What is no result."""
    click.echo(text, err=True, nl=False, color=True)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits: 130 when interrupted, 141 when the reader of stdout has gone, 2 for a bug of our own."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    status = _status(arguments)
    # all that is alive ends with the process: the interpreter need not look for cycles in it on its way out
    gc.freeze()
    sys.exit(status)


def _status(arguments: Sequence[str] | None) -> int:
    try:
        return int(cli.main(arguments, prog_name="poolaudit", standalone_mode=False) or CLEAN)
    except click.Abort:
        _say("Interrupted\n")
        return INTERRUPTED
    except ReaderGoneError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more on its way out
        return PIPE_CLOSED
    except click.ClickException as error:
        error.show()
    except Exception as error:  # noqa: BLE001  python's own status of 1 would say "findings"
        _say(_described(error))
    return FAILED


def _described(error: Exception) -> str:
    """Bad configuration in one line; anything else is a bug, with its traceback."""
    from poolaudit.config import ConfigError

    if isinstance(error, ConfigError):
        return f"Error: {error}\n"
    from traceback import format_exception

    return "".join(format_exception(error)) + f"poolaudit {__version__} failed: this is a bug in poolaudit, not in your code\n"

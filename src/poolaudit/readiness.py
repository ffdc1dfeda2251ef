"""Is a pool ready for Python 3.14, whose default start method on Linux is forkserver, no longer fork?

Knows what a worker inherits through fork and must find by itself otherwise, and how to ask for what a new Python brings: the
rules are asked about the Python before and the one since, and what only the later answer has is news. Must never import a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from poolaudit.evidence.alike import alike
from poolaudit.evidence.at_import import start
from poolaudit.evidence.inherited import lacking, sent
from poolaudit.evidence.unshared import manager_at_import, unshared
from poolaudit.facts import MODULE_SCOPE, Answer, Evidence, FileFacts, PoolSite, Span, Value
from poolaudit.needs.workers import flat, worker_code, worker_tasks
from poolaudit.settings import FORKSERVER_SINCE, Settings, StartMethod
from poolaudit.tree import Subject

if TYPE_CHECKING:
    from poolaudit.report import Reported
    from poolaudit.suppression import Assumption

Readiness = Literal["break", "change", "unaffected"]
"""break: it is seen that a worker cannot start, cannot find its task, or sees another value than the parent gave.
change: it may run as before, but code or state that decides it is not seen, or is made once more by whoever imports the file.
unaffected: all that the workers run is seen, and reads only arguments, imports, definitions and constants; or the start method is
given. Workers still start more slowly than by fork, and state that the parent puts into other modules is not followed.
"""

PROCESS_WIDE = frozenset(
    {"logging.basicConfig", "logging.config.dictConfig", "random.seed", "numpy.random.seed", "os.chdir", "sys.setrecursionlimit",
     "warnings.filterwarnings", "warnings.simplefilter", "locale.setlocale"}
)  # fmt: skip
"""Calls that change the process they run in: a forked worker inherits the effect, another one does not."""

PLATFORMS: dict[StartMethod, frozenset[str]] = {"forkserver": frozenset({"linux"}), "spawn": frozenset({"macos", "windows"})}
"""Start methods that are not fork, and the platforms with each of them as their default in FORKSERVER_SINCE."""

AFTER: dict[StartMethod, str] = {method: min(platforms) for method, platforms in PLATFORMS.items()}
"""One platform for each."""


class Reason(Struct, frozen=True):
    """Why a pool is not the same under another start method."""

    state: Literal["break", "change"]
    topic: str
    """What reasons of one kind have in common: the name of a rule, or a few words."""
    because: str
    """A sentence about this pool, without its full stop."""
    where: Span | None
    code: str = ""
    """The rule that reports it; '' where none does."""
    methods: tuple[StartMethod, ...] = tuple(AFTER)
    """Under which of them."""


class Ready(Struct, frozen=True):
    """What becomes of one pool. Without reasons: unaffected."""

    reasons: tuple[Reason, ...] = ()
    methods: tuple[StartMethod, ...] = tuple(AFTER)
    """The start methods that one of the project's platforms has as its default in FORKSERVER_SINCE."""

    def state(self, method: StartMethod = "forkserver") -> Readiness:
        """The worst of the reasons that count under a start method."""
        states = {reason.state for reason in self.reasons if method in reason.methods and method in self.methods}
        return "break" if "break" in states else "change" if states else "unaffected"


_EITHER = "the class is chosen at run time"

Asker = Callable[[Settings, frozenset[str] | None], Sequence["Reported"]]
"""What the rules on by default report of the file under other settings, marked where a comment silences it. None: all of them,
else those of these codes."""


def ready(
    sites: Iterable[PoolSite],
    file: FileFacts,
    settings: Settings,
    ask: Asker,
    assumed: Mapping[int, Sequence[Assumption]] | None = None,
) -> tuple[Ready | None, ...]:
    """For each pool what becomes of it; None for threads, and for what is left to another library.

    `assumed`: what comments state of the pools, by their index.
    """
    sites = tuple(sites)
    news = tuple(_news(settings, ask)) if any(site.is_process for site in sites) else ()
    methods = tuple(method for method, platforms in PLATFORMS.items() if not platforms.isdisjoint(settings.platforms))
    return tuple(
        Ready(tuple(_reasons(site, file, news, (assumed or {}).get(site.index, ()))), methods) if _counts(site) else None
        for site in sites
    )


def _counts(site: PoolSite) -> bool:
    """It is a process pool of the standard library, or may be one."""
    return site.stdlib and site.workers in ("process", "unknown")


def _news(settings: Settings, ask: Asker) -> Iterator[tuple[Reported, tuple[StartMethod, ...]]]:
    """What the rules say under another start method and do not say under fork."""
    major, minor = FORKSERVER_SINCE
    both = settings._replace(targets=((major, minor - 1), FORKSERVER_SINCE), declared=True, platforms=tuple(AFTER.values()))
    speaking = frozenset(each.code for each in ask(both, None))
    if not speaking:
        return
    before = {_same(each) for each in ask(both._replace(targets=((major, minor - 1),), platforms=("linux",)), speaking)}
    found: dict[object, tuple[Reported, list[StartMethod]]] = {}
    for method, platform in AFTER.items():
        for each in ask(both._replace(targets=(FORKSERVER_SINCE,), platforms=(platform,)), speaking):
            if _same(each) not in before:
                found.setdefault(_same(each), (each, []))[1].append(method)
    yield from ((each, tuple(methods)) for each, methods in found.values())


def _same(each: Reported) -> object:
    return each.code, each.finding.where


def _given(site: PoolSite, file: FileFacts) -> str | None:
    return site.start_method or file.start_method


def _reasons(
    site: PoolSite,
    file: FileFacts,
    news: Iterable[tuple[Reported, tuple[StartMethod, ...]]],
    assumed: Iterable[Assumption],
) -> Iterable[Reason]:
    for assumption in assumed:
        if assumption.word == "fork-safe":
            return ()
        if assumption.word == "no-fork-safe":
            because = f"assumed: {assumption.reason}" if assumption.reason else "assumed"
            return [Reason("break", "stated by a comment", because, Span(assumption.start, assumption.end))]
    if not site.is_process:
        return [Reason("change", _EITHER, _EITHER, site.callee)]
    mine = [(each, methods) for each, methods in news if each.site == site.index]
    told = [_told(each, methods) for each, methods in mine if not each.suppressed]
    if _given(site, file) is not None:
        return [*told, *_chosen(site, file)]
    # what a rule reports is said in its words, or not at all where a comment silences it
    breaks = told if mine else list(_breaks(site, file))[:1]
    return breaks or _once(_changes(site, file))


def _told(each: Reported, methods: tuple[StartMethod, ...]) -> Reason:
    """A finding as a reason. What fails under spawn alone is no more than a warning, because Linux has another default."""
    fails = ("error",) if "forkserver" in methods else ("error", "warning")
    state: Literal["break", "change"] = "break" if each.severity in fails else "change"
    return Reason(state, each.name, each.finding.message, each.finding.where, each.code, methods)


def _once(reasons: Iterable[Reason]) -> Iterator[Reason]:
    told: set[str] = set()
    for reason in reasons:
        if reason.topic not in told:
            told.add(reason.topic)
            yield reason


def fork_safe(subject: Subject) -> Evidence:
    """The same as an answer of the tree: unaffected is yes, break is no. From facts alone where the rules were not asked."""
    site, file = subject.site, subject.file
    if not site.is_process:
        return Evidence("unknown", _EITHER, site.callee)
    given = _given(site, file)
    if given not in (None, "unknown"):
        return Evidence("yes", f"its start method is given: {given}", site.callee)
    if "linux" not in subject.settings.platforms:
        return Evidence("yes", "only Linux changes its default start method", None)
    answers: dict[str, Answer] = {"break": "no", "change": "unknown"}
    if subject.ready is not None:
        parts: tuple[Iterable[Reason], ...] = (subject.ready.reasons,)
    else:
        parts = _chosen(site, file), _breaks(site, file), _changes(site, file)
    for reason in (reason for part in parts for reason in part):
        return Evidence(answers[reason.state], reason.because, reason.where)
    return Evidence("yes", "its workers read only arguments, imports, definitions and constants", site.callee)


# --- break


def _breaks(site: PoolSite, file: FileFacts) -> Iterator[Reason]:
    started = start(site, file)
    if started is not None:
        because = "importing the file starts workers, and every worker imports it"
        yield Reason("break", "workers start while the file is imported", because, started.span)
    manager = manager_at_import(file)
    if manager is not None:
        because = "importing the file starts a manager's process, and every worker imports it"
        yield Reason("break", "a manager starts while the file is imported", because, manager.point.span)
    for what, where in _unpicklable(site):
        yield Reason("break", "the initializer cannot be pickled", f"{what} must be pickled and cannot", where)
    for function in worker_code(site, file):
        # a lambda cannot be pickled anywhere: that is no news; the guard of another file never runs
        if function.under_guard and not function.is_lambda and not function.span.path:
            because = f"`{function.name}` is defined below the main guard, where no worker finds it"
            yield Reason("break", "defined below the main guard", because, function.span)
    for task, when in sent(site):
        for found in lacking(task, when, site, file):
            reader = file.functions[found.read.function].name
            because = f"`{reader}` reads `{found.name}`, which only the parent gives its value"
            yield Reason("break", "given its value in the parent only", because, found.read.span)
    for name, read in unshared(site, file):
        because = f"each worker makes a `{name}` of its own: it is no longer shared"
        yield Reason("break", "a lock, queue or value that is no longer shared", because, read.span)


def _unpicklable(site: PoolSite) -> Iterator[tuple[str, Span]]:
    """What a worker is made with and pickle cannot send; under fork nothing of it is pickled."""
    task = site.initializer
    if task is not None and task.kind in ("lambda", "nested"):
        yield f"the initializer `{task.name}`", task.span
    for value in _initargs(site):
        if value.kind in ("lambda", "generator"):
            yield f"`{value.text}` of initargs", value.span


def _initargs(site: PoolSite) -> Iterator[Value]:
    argument = site.argument("initargs", 2 if site.kind == "pool" else 3)
    if argument is not None:
        yield from flat(argument.value)


# --- change


def _chosen(site: PoolSite, file: FileFacts) -> Iterator[Reason]:
    if _given(site, file) == "unknown":
        because = "which start method its context has is not seen"
        yield Reason("change", "the start method is chosen out of sight", because, site.callee)


def _changes(site: PoolSite, file: FileFacts) -> Iterator[Reason]:
    for task in worker_tasks(site):
        if task.function is None and task.kind != "builtin":
            because = f"`{task.name}` is not in this file: what it inherits is not seen"
            yield Reason("change", "what the workers run is not seen", because, task.span)
    if not site.operations:
        yield Reason("change", "what the workers run is not seen", "what its workers run is not seen", site.callee)
    code = worker_code(site, file)
    own = {use.name for function in code for use in function.globals if use.how == "assign"}
    for function in code:
        for read in function.globals:
            if read.how != "assign" and read.name not in own and not alike(read.name, file):
                because = f"`{function.name}` reads `{read.name}`, which is computed again where the file is imported"
                yield Reason("change", "computed again where the file is imported", because, read.span)
    for call in file.library_calls:
        if call.api in PROCESS_WIDE and _in_the_parent_only(call.function, call.under_guard, site, file):
            because = f"`{call.api}` is called in the parent only"
            yield Reason("change", "a setting that is made in the parent only", because, call.point.span)


def _in_the_parent_only(function: int, under_guard: bool, site: PoolSite, file: FileFacts) -> bool:
    """A call there concerns the process that makes the pool, as far as the file shows, and not its workers."""
    below_guard = site.guarded or site.function in file.called_under_guard
    if under_guard:
        return below_guard
    if function == MODULE_SCOPE or function in file.called_at_import:
        return False
    if function in {each.id for each in worker_code(site, file)}:
        return False
    if below_guard and function in file.called_under_guard:
        return True
    return function == site.function or _on_the_way(function, site, file)


def _on_the_way(function: int, site: PoolSite, file: FileFacts) -> bool:
    """A function that makes the pool, or that calls whoever does, runs this one as well."""
    makers, size = {site.function}, 0
    while len(makers) > size:
        size = len(makers)
        makers |= {each.id for each in file.functions.values() if not makers.isdisjoint(each.calls)}
    return function in {each.id for each in file.reachable(*(makers - {MODULE_SCOPE}))}

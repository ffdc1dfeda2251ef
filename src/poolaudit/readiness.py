"""What Python 3.14 does to a pool: its default start method on Linux is forkserver, no longer fork.

Knows what a worker inherits through fork and must find by itself otherwise. Must never import a rule: the rules report
each harm at its place, this only says which pools are concerned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from poolaudit.evidence.at_import import start
from poolaudit.evidence.inherited import inherited
from poolaudit.facts import MODULE_SCOPE, Answer, Evidence, FileFacts, GlobalUse, PoolSite, Span, Value
from poolaudit.needs.workers import flat, worker_code, worker_tasks
from poolaudit.settings import Settings
from poolaudit.tree import Subject

Readiness = Literal["break", "change", "unaffected"]
Judged = tuple[Readiness, str, Span | None]

PLAIN = frozenset({"const", "function", "class", "module", "api", "lambda", "tuple", "list", "set", "dict"})
"""Kinds of a global's value, and of its elements, that every worker has alike once it has imported the module."""

ALIKE = frozenset(
    {"logging.getLogger", "re.compile", "pathlib.Path", "os.getenv", "os.environ.get", "collections.namedtuple",
     "os.path.abspath", "os.path.dirname", "os.path.join", "os.path.realpath", "builtins.frozenset", "builtins.object"}
)  # fmt: skip
"""Calls whose result is the same in every process, and costs nothing."""

PROCESS_WIDE = frozenset(
    {"logging.basicConfig", "logging.config.dictConfig", "random.seed", "numpy.random.seed", "os.chdir", "sys.setrecursionlimit",
     "warnings.filterwarnings", "warnings.simplefilter", "locale.setlocale"}
)  # fmt: skip
"""Calls that change the process they run in: a forked worker inherits the effect, another one does not."""


def readiness(site: PoolSite, file: FileFacts, settings: Settings) -> Readiness | None:
    """What the new default does to one pool.

    break: it is seen in the file that a worker which is not forked cannot start, cannot find its task, or sees another value of a
    global than the parent gave it.
    change: the pool takes the default start method, and its workers run code that is not in this file, or read a global that
    importing the file computes again, or lack a setting that the parent made. It may run as before.
    unaffected: the start method is given, or Linux is no platform of the project, or all that the workers run stands in this file
    and reads only arguments, imports, definitions and constants. Workers still start more slowly than by fork, and state that the
    parent has put into other modules is not followed.
    None: no process pool of the standard library.
    """
    judged = _judge(site, file, settings)
    return judged[0] if judged else None


def why(site: PoolSite, file: FileFacts, settings: Settings) -> str:
    """The reason for `readiness`, a sentence without its full stop; empty where that is None."""
    judged = _judge(site, file, settings)
    return judged[1] if judged else ""


def fork_safe(subject: Subject) -> Evidence:
    """The same as an answer of the tree: unaffected is yes, break is no."""
    judged = _judge(subject.site, subject.file, subject.settings)
    if judged is None:
        return Evidence("unknown", "the class is chosen at run time", subject.site.callee)
    state, because, where = judged
    answers: dict[Readiness, Answer] = {"break": "no", "change": "unknown", "unaffected": "yes"}
    return Evidence(answers[state], because, where)


def _judge(site: PoolSite, file: FileFacts, settings: Settings) -> Judged | None:
    if not site.is_process:
        return None
    given = site.start_method or file.start_method
    if given == "unknown":
        return "change", "which start method its context has is not seen", site.callee
    if given is not None:
        return "unaffected", f"its start method is given: {given}", site.callee
    if "linux" not in settings.platforms:
        return "unaffected", "only Linux changes its default start method", None
    return (
        next(_breaks(site, file), None)
        or next(_changes(site, file), None)
        or ("unaffected", "its workers read only arguments, imports, definitions and constants", site.callee)
    )


# --- break


def _breaks(site: PoolSite, file: FileFacts) -> Iterator[Judged]:
    started = start(site, file)
    if started is not None:
        yield "break", "importing the file starts workers, and every worker imports it", started.span
    task = site.initializer
    if task is not None and task.kind in ("lambda", "nested"):
        yield "break", f"the initializer `{task.name}` must be pickled and cannot", task.span
    for value in _initargs(site):
        if value.kind in ("lambda", "generator"):
            yield "break", f"`{value.text}` of initargs must be pickled and cannot", value.span
    for function in worker_code(site, file):
        # a lambda cannot be pickled anywhere: that is no news of 3.14
        if function.under_guard and not function.is_lambda:
            yield "break", f"`{function.name}` is defined below the main guard, where no worker finds it", function.span
    for operation in site.operations:
        for found in inherited(operation, site, file):
            reader = file.functions[found.read.function].name
            yield "break", f"`{reader}` reads `{found.name}`, which only the parent gives its value", found.read.span


def _initargs(site: PoolSite) -> Iterator[Value]:
    argument = site.argument("initargs", 2 if site.kind == "pool" else 3)
    if argument is not None:
        yield from flat(argument.value)


# --- change


def _changes(site: PoolSite, file: FileFacts) -> Iterator[Judged]:
    for task in worker_tasks(site):
        if task.function is None and task.kind != "builtin":
            yield "change", f"`{task.name}` is not in this file: what it inherits is not seen", task.span
    if not site.operations:
        yield "change", "what its workers run is not seen", site.callee
    code = worker_code(site, file)
    for function in code:
        for read in function.globals:
            writes = file.globals.get(read.name, ()) if read.how != "assign" else ()
            if any(write.function == MODULE_SCOPE and not _plain(write) for write in writes):
                yield "change", f"`{function.name}` reads `{read.name}`, which each worker computes again", read.span
    workers = {function.id for function in code}
    for call in file.library_calls:
        everywhere = call.function == MODULE_SCOPE or call.function in workers | file.called_at_import
        if call.api in PROCESS_WIDE and (call.under_guard or not everywhere):
            yield "change", f"`{call.api}` is called in the parent only", call.point.span


def _plain(write: GlobalUse) -> bool:
    if write.binding in ("import", "function", "class"):
        return True
    if write.how != "assign" or write.value is None:
        return False
    return all(part.kind in PLAIN or part.api in ALIKE for part in flat(write.value))

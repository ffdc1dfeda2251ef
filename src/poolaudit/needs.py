"""What a pool's code needs: one predicate per question of the tree, from facts to an answer with its place.

Knows which facts prove a need, which prove its absence, and when neither is proven. Must never know which API follows from an
answer (decision.py), and must never look at anything but the facts.

An answer is 'no' only where every use of the pool is known; an unseen use makes it 'unknown'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from poolaudit.facts import (
    ESCAPES,
    Answer,
    Argument,
    End,
    Evidence,
    FileFacts,
    Function,
    Handler,
    LibraryCall,
    Operation,
    Point,
    PoolSite,
    Span,
    Task,
    Use,
    Value,
    before,
    dominates,
    inside,
)
from poolaudit.tree import Subject

ASYNC = frozenset({"apply_async", "map_async", "starmap_async"})
LAZY = frozenset({"imap", "imap_unordered"})

AWAITING = frozenset({"await", "gather", "wait_for", "wrap_future"})
FUTURE_ONLY = frozenset(
    {"as_completed", "wait_futures", "add_done_callback", "exception", "done", "running", "cancelled", *AWAITING}
)  # fmt: skip
"""What can be done with a Future and not with an AsyncResult, or not alike."""

PROCESS_STARTERS = frozenset(
    {
        "multiprocessing.Process",
        "multiprocessing.process.Process",
        "multiprocessing.context.Process",
        "multiprocessing.Manager",
        "multiprocessing.managers.SyncManager",
    }
)
"""Library calls that start a child which a daemonic process may not have; subprocess does not."""

DEADLY = frozenset({"os._exit", "os.abort"})
DEADLY_SIGNALS = frozenset({"os.kill", "signal.raise_signal"})
BROKEN = ("BrokenProcessPool", "BrokenExecutor")

AT_HAND = frozenset(f"builtins.{name}" for name in ("range", "list", "tuple", "sorted", "set", "dict"))
"""Calls whose result is finite and made, or costs nothing to make."""

WAITS = frozenset({"get", "wait", "consume", "iterate"})

FAR_AWAY = 9999
"""Seconds. get(timeout=9999999) is the old way to keep Ctrl-C working while waiting, not a timeout."""

SHELLS = frozenset({"os.system", "os.popen"})
WAITERS = ("subprocess.", "urllib.request.", "requests.", "shutil.")
"""Prefixes of calls that leave the interpreter lock free while they wait."""


# --- which API it is


def third_party(subject: Subject) -> Evidence:
    site = subject.site
    if site.stdlib:
        return Evidence("no", f"`{site.api}` is one of the two", site.callee)
    names = site.api.split(" | ")
    if len(names) > 1 and any(name.startswith(("multiprocessing.", "concurrent.futures.")) for name in names):
        return Evidence("unknown", f"`{site.api}`: chosen at run time", site.callee)
    return Evidence("yes", f"`{site.api}` is of {site.family}", site.callee)


def torch(subject: Subject) -> Evidence:
    site = subject.site
    if " | " in site.api and "torch" in site.api:
        return Evidence("unknown", f"`{site.api}`", site.callee)
    if site.family == "torch.multiprocessing":
        return Evidence("yes", f"`{site.api}` moves tensors through shared memory", site.callee)
    return Evidence("no", f"`{site.api}` is of {site.family}", site.callee)


def executor(subject: Subject) -> Evidence:
    site = subject.site
    if site.kind == "unknown":
        return Evidence("unknown", f"`{site.api}`: the class is chosen at run time", site.callee)
    return Evidence("yes" if site.kind == "executor" else "no", f"`{site.api}`", site.callee)


# --- what only informs


def picklable(subject: Subject) -> Evidence:
    """Faults of pickling stop both APIs alike. A name of module level, imported or not, is found again by its name."""
    unclear: Evidence | None = None
    for operation in subject.site.operations:
        task = operation.task
        if task is None:
            continue
        if task.kind in ("lambda", "nested"):
            return Evidence("no", f"`{task.name}` is a {_LOCAL[task.kind]}; both APIs fail on it", task.span)
        if task.kind not in ("function", "builtin", "imported", "class"):
            unclear = unclear or Evidence("unknown", f"what pickling finds for `{task.name}` is not seen", task.span)
    if unclear is not None:
        return unclear
    return _absent(subject, "every task is a name of module level", "yes")


_LOCAL = {"lambda": "lambda", "nested": "nested function"}


def threads(subject: Subject) -> Evidence:
    """Threads are enough for tasks that do nothing but wait for another program or a download."""
    code = worker_code(subject.site, subject.file)
    waits = [call for function in code for call in function.library_calls if _waits(call)]
    unseen = _unseen_code(subject)
    if waits and unseen is None and not any(function.has_loop for function in code):
        return Evidence("yes", f"all that the task does is to wait for `{waits[0].api}`", waits[0].point.span)
    if unseen is not None:
        return unseen
    return _absent(subject, "its tasks do more than wait")


def _waits(call: LibraryCall) -> bool:
    return call.api in SHELLS or call.api.startswith(WAITERS)


# --- needs


def asyncio(subject: Subject) -> Evidence:
    site = subject.site
    for operation in site.operations:
        called = f"`{operation.method}`"
        if operation.method == "run_in_executor" or operation.awaited:
            return Evidence("yes", f"{called} is awaited", operation.point.span)
        for use in operation.handle.uses:
            if use.how in AWAITING or use.awaited:
                return Evidence("yes", f"the result of {called} is awaited", use.point.span)
            if use.in_async and use.how in ("get", "wait", "result", "consume", "iterate", "next"):
                return Evidence("yes", f"a coroutine waits for the result of {called} and stops the event loop", use.point.span)
        if operation.in_async and operation.handle.kind == "value":
            return Evidence("yes", f"{called} runs in a coroutine and stops the event loop until it ends", operation.point.span)
        for name, callback in operation.callbacks:
            for function in subject.file.reachable(callback.function):
                for call in function.library_calls:
                    if call.api.endswith(".call_soon_threadsafe"):
                        return Evidence("yes", f"the {name} hands the result to an event loop", call.point.span)
    by_thread = {call.point.span for call in subject.file.library_calls if call.api.endswith((".run_in_executor", ".to_thread"))}
    for use in site.uses:
        if use.how == "pass" and use.point.span in by_thread:
            return Evidence("yes", f"a thread calls its `{use.name}` so that a coroutine can wait", use.point.span)
    return _absent(subject, "no coroutine waits for it")


def children(subject: Subject) -> Evidence:
    for function in worker_code(subject.site, subject.file):
        for index in function.pools:
            inner = subject.file.sites[index]
            if inner.is_process:
                return Evidence("yes", f"`{function.name}` runs in a worker and makes a `{inner.api}`", inner.callee)
        for call in function.library_calls:
            if call.api in PROCESS_STARTERS:
                return Evidence("yes", f"`{function.name}` runs in a worker and starts `{call.api}`", call.point.span)
    return _unseen_code(subject) or _absent(subject, "no task starts a process")


def kill(subject: Subject) -> Evidence:
    """Running work is killed on purpose: by terminate(), by the exit after a timeout, by terminate_workers()."""
    terminated = _terminated(subject)
    if terminated is not None and terminated.answer == "yes":
        return terminated
    return (
        _left_by_timeout(subject)
        or _workers_killed(subject)
        or terminated
        or _absent(subject, "no running task is killed on purpose")
    )


def _terminated(subject: Subject) -> Evidence | None:
    site = subject.site
    unclear: Evidence | None = None
    for end in site.ends:
        if end.how != "terminate" or _joined_before(end, site.ends):
            continue
        if _in_signal_handler(end, subject.file):
            return Evidence("yes", "terminate() runs in a signal handler", end.point.span)
        for operation in site.operations:
            killed = _killed_by(operation, end)
            line = subject.file.text.count("\n", 0, operation.point.span.start) + 1
            if killed == "yes":
                return Evidence("yes", f"terminate() kills what `{operation.method}` of line {line} still runs", end.point.span)
            if killed == "unknown":
                because = f"whether `{operation.method}` of line {line} still runs at terminate() is not seen"
                unclear = unclear or Evidence("unknown", because, end.point.span)
    return unclear


def _joined_before(end: End, ends: tuple[End, ...]) -> bool:
    return any(other.how == "join" and dominates(other.point, end.point) for other in ends)


def _in_signal_handler(end: End, file: FileFacts) -> bool:
    handlers = (
        argument.value.function for call in file.library_calls if call.api == "signal.signal" for argument in call.arguments[1:2]
    )
    return any(function.id == end.point.scope for function in file.reachable(*handlers))


def _killed_by(operation: Operation, end: End) -> Answer:
    """The operation's tasks can still be running when terminate() is called there."""
    lasting = operation.method in ASYNC | LAZY
    if end.handler:
        return "yes" if (lasting or _on_interrupt(end)) and _guarded_by(operation, end) else "no"
    if not lasting or end.in_finally:
        return "no"  # a finally that only repeats what the end of a `with` does anyway is no purpose
    return _outstanding(operation, end.point)


def _on_interrupt(end: End) -> bool:
    """It stands in an except clause that catches KeyboardInterrupt: then a blocking map is left with its tasks running."""
    for step in end.point.path:
        if step.block.kind == "try" and step.arm.startswith("except#"):
            handler = step.block.handlers[int(step.arm.removeprefix("except#"))]
            if catches(handler, "builtins.KeyboardInterrupt", "builtins.BaseException"):
                return True
    return False


def _guarded_by(operation: Operation, end: End) -> bool:
    """The operation, or a use of its result, stands in the body of the `try` in whose except clause terminate() stands."""
    tries = {step.block.id for step in end.point.path if step.block.kind == "try" and step.arm.startswith("except#")}
    points = (operation.point, *(use.point for use in operation.handle.uses))
    return any(step.block.id in tries and step.arm == "body" for point in points for step in point.path)


def _outstanding(operation: Operation, when: Point) -> Answer:
    """Some result has not been waited for at that point. What another function waits for is taken to be there."""
    handle = operation.handle
    waits = [use for use in handle.uses if use.how in WAITS and not _real_timeout(use) and not _left_early(use)]
    if handle.kind == "value" or handle.chained == "get" or any(before(use.point, when) for use in waits):
        return "no"
    if any(use.how == "ready" or (use.how == "next" and _real_timeout(use)) for use in handle.uses):
        return "yes"  # it is polled
    if any(use.point.scope != when.scope for use in waits):
        return "no"
    if not handle.complete or any(use.how == "next" for use in handle.uses):
        return "unknown"
    return "yes"


def _left_early(use: Use) -> bool:
    """A loop over results that a break ends."""
    return use.how == "iterate" and any("break" in step.block.leaves for step in use.point.path[-1:])


def _left_by_timeout(subject: Subject) -> Evidence | None:
    site = subject.site
    if site.kind != "pool" or site.with_block is None:
        return None
    for operation in site.operations:
        for use in operation.handle.uses:
            if use.how in ("get", "next") and _real_timeout(use) and inside(use.point, site.with_block):
                return Evidence("yes", "after this timeout the exit of the `with` kills the tasks that still run", use.point.span)
    return None


def _real_timeout(use: Use) -> bool:
    value = use.timeout
    if value is None or value.api in ("sys.maxsize", "threading.TIMEOUT_MAX"):
        return False
    if value.kind == "const":
        return isinstance(value.const, (int, float)) and value.const < FAR_AWAY
    return True


def _workers_killed(subject: Subject) -> Evidence | None:
    for operation in subject.site.operations:
        if operation.method in ("terminate_workers", "kill_workers"):
            return Evidence("yes", f"`{operation.method}` ends running tasks", operation.point.span)
    return None


def every_target_3_14(subject: Subject) -> Evidence:
    settings = subject.settings
    if not settings.declared:
        return Evidence("unknown", "no requires-python names the versions")
    older = settings.below((3, 14))
    if older:
        return Evidence("no", f"Python {older[0][0]}.{older[0][1]} is supported")
    return Evidence("yes", "requires-python starts at 3.14")


def endless_initializer(subject: Subject) -> Evidence:
    task = subject.site.initializer
    if task is None:
        return _absent_arguments(subject, "no initializer")
    function = subject.file.functions.get(task.function) if task.function is not None else None
    if function is None:
        return Evidence("unknown", f"`{task.name}` is not seen", task.span)
    if function.endless:
        return Evidence("yes", f"`{function.name}` loops for ever", task.span)
    return Evidence("no", f"`{function.name}` returns", task.span)


def all_workers_up(subject: Subject) -> Evidence:
    for value in _handed_to_workers(subject):
        if value.api and value.api.endswith(".Barrier"):
            return Evidence("yes", f"`{value.text}` waits until all workers are there", value.span)
    return _absent(subject, "no Barrier reaches the workers")


def handed_out(subject: Subject) -> Evidence:
    site = subject.site
    for use in site.uses:
        if use.how in ("pass", "put", "store"):
            what = f"its `{use.name}`" if use.name else "it"
            return Evidence("yes", f"{what} goes to code that is not seen", use.point.span)
        if use.how in ("return", "yield") and site.kind == "executor":
            return Evidence("yes", "its callers hold an executor", use.point.span)
    wrapped = _wrapper(subject)
    if wrapped is not None:
        return wrapped
    return _absent(subject, "it stays here")


def _wrapper(subject: Subject) -> Evidence | None:
    """A class that offers methods of its pool under their own names: who holds it holds a Pool."""
    site, file = subject.site, subject.file
    if site.class_id is None:
        return None
    points = [(operation.method, operation.point) for operation in site.operations] + [(end.how, end.point) for end in site.ends]
    offered: dict[str, Span] = {}
    for name, point in points:
        function = file.functions.get(point.scope)
        if function is not None and (function.name, function.class_id) == (name, site.class_id):
            offered.setdefault(name, point.span)
    if site.kind == "pool" and len(offered) > 1 and offered.keys() & {"close", "join", "terminate"}:
        return Evidence("yes", f"its class offers {', '.join(sorted(offered))} of the pool as its own", min(offered.values()))
    return None


def private(subject: Subject) -> Evidence:
    for use in subject.site.uses:
        if use.how == "method" and use.name.startswith("_") and not use.name.startswith("__"):
            return Evidence("yes", f"`{use.name}` is private to the class", use.name_span or use.point.span)
    return _absent(subject, "no private attribute is used")


def recycling(subject: Subject) -> Evidence:
    """Workers are replaced after some tasks in a way that only Pool has on every supported Python.

    An executor replaces workers from 3.11, never under fork, and before 3.14 hangs with more than one task per worker
    (https://github.com/python/cpython/issues/115634).
    """
    site = subject.site
    keyword, position = ("maxtasksperchild", 3) if site.kind == "pool" else ("max_tasks_per_child", None)
    argument = site.argument(keyword, position)
    if argument is None:
        return _absent_arguments(subject, f"no {keyword}")
    value = argument.value
    if value.kind == "const" and value.const is None:
        return Evidence("no", f"{keyword} is None", argument.span)
    oldest = min(subject.settings.targets)
    one = value.kind == "const" and value.const == 1
    if oldest >= (3, 14) or (one and oldest >= (3, 11) and (site.kind == "executor" or _no_fork(subject))):
        return Evidence("no", f"an executor of every supported Python does `{keyword}={value.text}` as well", argument.span)
    if site.kind == "executor" and value.kind != "const":
        return Evidence("unknown", f"the value of `{value.text}` is not seen", argument.span)
    if site.kind == "executor" and not subject.settings.declared:
        return Evidence(
            "unknown", f"`{keyword}={value.text}`, and no requires-python names the supported versions", argument.span
        )
    return Evidence("yes", f"`{keyword}={value.text}`", argument.span)


def _no_fork(subject: Subject) -> bool:
    return (subject.site.start_method or subject.file.start_method) in ("spawn", "forkserver")


def lazy_input(subject: Subject) -> Evidence:
    unclear: Evidence | None = None
    pool = subject.site.kind == "pool"
    for operation in subject.site.operations:
        source = operation.iterable
        if source is None or operation.method not in (LAZY if pool else {"map"}) or operation.argument("buffersize"):
            continue
        if source.infinite and (pool or _all_endless(operation)):
            return Evidence("yes", f"`{source.text}` never ends", source.span)
        if not pool or _drained(operation):
            continue
        maker = subject.file.functions.get(source.function) if source.function is not None else None
        if source.kind == "call" and maker is not None and maker.is_generator:
            return Evidence("yes", f"`{source.text}` makes its items while `{operation.method}` takes them", source.span)
        if source.kind in ("generator", "parameter", "unknown", "call") and source.api not in AT_HAND:
            unclear = unclear or Evidence("unknown", f"how much `{source.text}` yields is not seen", source.span)
    return unclear or _absent(subject, "every input is at hand")


def _all_endless(operation: Operation) -> bool:
    """Executor.map stops with the shortest of its iterables: map(f, repeat(x), items) ends."""
    return all(argument.value.infinite and not argument.star for argument in operation.arguments[1:] if argument.keyword is None)


def _drained(operation: Operation) -> bool:
    return any(use.how == "consume" for use in operation.handle.uses)


def cancel(subject: Subject) -> Evidence:
    site = subject.site
    for operation in site.operations:
        for use in operation.handle.uses:
            if use.how == "cancel":
                return Evidence("yes", f"the future of `{operation.method}` is cancelled", use.point.span)
    for end in site.ends:
        for argument in end.arguments:
            if argument.keyword == "cancel_futures" and argument.value.const is not False:
                return Evidence("yes", "`cancel_futures` drops what has not started", end.point.span)
    skips = site.kind == "pool" and any(
        _skips_when_set(function, subject.file.text) for function in worker_code(site, subject.file)
    )
    for operation in site.operations:
        for value in _values(operation.arguments):
            if skips and value.api == "multiprocessing.Manager().Event":
                return Evidence("yes", f"a task that starts after `{value.text}` is set does nothing", value.span)
    return _absent(subject, "no single task is cancelled")


def _skips_when_set(function: Function, text: str) -> bool:
    """A statement of the body itself returns when an event is set: what waited is cancelled. One in a loop stops running work."""
    start = text.rfind("\n", 0, function.body.start) + 1
    indent = " " * (function.body.start - start)
    return re.search(rf"^{indent}if [^\n]*\.is_set\(\):\s+return\b", text[start : function.body.end], re.MULTILINE) is not None


def futures(subject: Subject) -> Evidence:
    for operation in subject.site.operations:
        for name, callback in operation.callbacks:
            if name == "done_callback":
                return Evidence("yes", f"`{callback.name}` runs when the future is done", callback.span)
        for use in operation.handle.uses:
            if use.how in FUTURE_ONLY:
                return Evidence("yes", f"{_AS_FUTURE.get(use.how, use.how)} takes the future", use.point.span)
    return _absent(subject, "only results are taken")


_AS_FUTURE = {"as_completed": "`as_completed`", "wait_futures": "`wait`", "add_done_callback": "`add_done_callback`"}


def worker_death(subject: Subject) -> Evidence:
    """A cause of a worker's death is seen, or (executor) the code is ready for one. A missing timeout is no cause."""
    for handler in _handlers(subject.site):
        for name in handler.types:
            if (name.api or name.text).rpartition(".")[2] in BROKEN:
                return Evidence("yes", f"`{name.text}` is handled", name.span)
    for function in worker_code(subject.site, subject.file):
        forks = any(call.api in ("os.fork", "pty.fork") for call in function.library_calls)
        for call in function.library_calls:
            if not forks and (call.api in DEADLY or (call.api in DEADLY_SIGNALS and _kills_itself(call))):
                return Evidence("yes", f"`{function.name}` runs in a worker and calls `{call.api}`", call.point.span)
    return _unseen_code(subject) or _absent(subject, "nothing seen ends a worker")


def _kills_itself(call: LibraryCall) -> bool:
    signal = call.arguments[-1].value if call.arguments else None
    deadly = signal is not None and bool(signal.api) and (signal.api or "").rpartition(".")[2] in (
        "SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGQUIT",
    )  # fmt: skip
    if call.api == "signal.raise_signal":
        return deadly
    return deadly and len(call.arguments) == 2 and call.arguments[0].value.api == "os.getpid"


def executor_ahead(subject: Subject) -> Evidence:
    return _imported(subject, ("dask.distributed", "distributed", "mpi4py.futures", "loky"), "offers the Executor API")


def pool_ahead(subject: Subject) -> Evidence:
    return _imported(subject, ("ray.util.multiprocessing",), "offers the Pool API")


def _imported(subject: Subject, modules: tuple[str, ...], offers: str) -> Evidence:
    file = subject.file
    for each in file.imports:
        for module in modules:
            if each.api == module or each.api.startswith(module + "."):
                if any(use.binding == "import" and (use.in_try or use.conditional) for use in file.globals.get(each.name, ())):
                    return Evidence("unknown", f"`{module}` is imported where it is installed", each.span)
                return Evidence("yes", f"`{module}` is imported and {offers}", each.span)
    return Evidence("no", f"the file imports none of {', '.join(modules)}")


def used(subject: Subject) -> Evidence:
    operations = subject.site.operations
    if operations:
        return Evidence("yes", f"`{operations[0].method}`", operations[0].point.span)
    return _absent(subject, "nothing is submitted to it")


def has_pool_form(subject: Subject) -> Evidence:
    """Every operation of the executor has a form for Pool."""
    site = subject.site
    for operation in site.operations:
        if operation.method not in ("submit", "map") or operation.argument("timeout"):
            return Evidence("no", f"Pool has no form for this `{operation.method}`", operation.point.span)
    for end in site.ends:
        if any(argument.keyword == "wait" or argument.keyword is None for argument in end.arguments):
            return Evidence("no", "Pool has no shutdown that does not wait", end.point.span)
    return _absent(subject, "submit and map have a form for Pool", "yes")


# --- what several questions ask


def _absent(subject: Subject, because: str, answer: Answer = "no") -> Evidence:
    """`answer` where every use is known; else the first use that leads out of sight."""
    site = subject.site
    if site.complete:
        return Evidence(answer, because)
    escape = next((use for use in site.uses if use.how in ESCAPES), None)
    if escape is None:
        return Evidence("unknown", "not every use of it is seen", site.callee)
    how = {"return": "is returned", "yield": "is yielded"}.get(escape.how, "goes to code that is not seen")
    return Evidence("unknown", f"it {how}", escape.point.span)


def _absent_arguments(subject: Subject, because: str) -> Evidence:
    """'no' unless a star argument may hold it."""
    for argument in subject.site.arguments:
        if argument.star:
            return Evidence(
                "unknown", f"`{subject.file.text[argument.span.start : argument.span.end]}` may hold it", argument.span
            )
    return Evidence("no", because, subject.site.callee)


def worker_tasks(site: PoolSite) -> tuple[Task, ...]:
    """Everything that the pool's workers are given to run, the initializer last."""
    tasks = [operation.task for operation in site.operations if operation.task is not None]
    return (*tasks, site.initializer) if site.initializer is not None else tuple(tasks)


def worker_code(site: PoolSite, file: FileFacts) -> tuple[Function, ...]:
    """Functions of this file that run in a worker."""
    return file.reachable(*(task.function for task in worker_tasks(site)))


def _unseen_code(subject: Subject) -> Evidence | None:
    """Why it is not known what runs in the workers; None where all of it is seen."""
    for task in worker_tasks(subject.site):
        if task.function is None and task.kind != "builtin":
            return Evidence("unknown", f"`{task.name}` is not seen", task.span)
    for function in worker_code(subject.site, subject.file):
        if not function.complete:
            return Evidence("unknown", f"`{function.name}` calls code that is not seen", function.name_span or function.span)
    return None


def _handed_to_workers(subject: Subject) -> Iterator[Value]:
    """Values that reach a worker: initargs, arguments of tasks, globals that worker code reads."""
    initargs = subject.site.argument("initargs", 2 if subject.site.kind == "pool" else 3)
    if initargs is not None:
        yield from flat(initargs.value)
    for operation in subject.site.operations:
        yield from _values(operation.arguments)
        if operation.task is not None:
            yield from _values(operation.task.bound)
    for function in worker_code(subject.site, subject.file):
        for read in function.globals:
            for write in subject.file.globals.get(read.name, ()):
                if write.value is not None:
                    yield write.value


def _values(arguments: Iterable[Argument]) -> Iterator[Value]:
    for argument in arguments:
        yield from flat(argument.value)


def flat(value: Value) -> Iterator[Value]:
    """The value and what it is written to hold."""
    yield value
    if value.kind in ("tuple", "list", "set", "dict", "comprehension", "generator"):
        for item in value.items:
            yield from flat(item)


def _handlers(site: PoolSite) -> Iterator[Handler]:
    """Except clauses around the construction, the operations and the uses of their results."""
    points = [site.point]
    for operation in site.operations:
        points.append(operation.point)
        points.extend(use.point for use in operation.handle.uses)
    for point in points:
        for step in point.path:
            if step.block.kind == "try" and step.arm == "body":
                yield from step.block.handlers


def catches(handler: Handler, *names: str) -> bool:
    """The clause catches one of the exceptions by name; a bare `except:` catches all."""
    return not handler.types or any(name.api in names for name in handler.types)

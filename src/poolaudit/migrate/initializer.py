"""How often an initializer runs: a Pool starts all its workers when it is built, an executor as many as its tasks need.

Knows the initializer's code. Must never know an edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.facts import Task
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.move import Move
from poolaudit.migrate.observed import LEAVES_TRACES
from poolaudit.migrate.plan import Piece

_NAMES = re.compile(r"\b(?:current_process|current_thread|parent_process|get_ident)\b")
"""What a task asks its worker's name or parent by."""


def observed_workers(move: Move) -> Iterator[Piece]:
    """Blockers for what tells one number of started workers from another."""
    task = move.site.initializer
    body = " ".join(move.file.cut(function.body) for function in move.file.reachable(task.function)) if task is not None else ""
    given = " ".join(move.file.cut(argument.span) for argument in move.site.arguments)
    if _fills_globals(move, task) or LEAVES_TRACES.search(body) or re.search(r"\bBarrier\b|\.wait\(", f"{given} {body}"):
        yield blocked("initializer-observed", move.site.callee, f"what the initializer of {move.name} does can be seen")
    if "active_children" in move.file.text:
        yield blocked("workers-observed", move.site.callee, "the children of the process are looked at in this file")
    if any(_NAMES.search(move.file.cut(function.body)) for function in move.worker_code):
        yield caveat("worker-names")


def _fills_globals(move: Move, task: Task | None) -> bool:
    """An initializer of threads that changes what the program sees; what is local to a thread is not seen."""
    if task is None or not move.is_thread:
        return False
    names = {use.name for function in move.file.reachable(task.function) for use in function.globals if use.how != "read"}
    made = {name: [write.value for write in move.file.globals.get(name, ()) if write.how == "assign"] for name in names}
    return any(not values or any(value is None or value.api != "threading.local" for value in values) for values in made.values())

"""A task ends its worker by sys.exit, exit, SystemExit or os._exit.

Why it hurts: a Pool starts another worker and never learns of the task: get, map or join wait for ever. An executor
hands SystemExit over to whoever asks for the result, so that the whole program ends with that exit status and without a
traceback. os._exit breaks an executor: BrokenProcessPool, and every result that is still to come is lost.

When it is fine: SystemExit is caught in the worker, or in the parent around the result. A child that the worker has
forked ends by os._exit. Code that handles BrokenProcessPool, or that waits for a Pool with a timeout, is ready for the
end of a worker.

Limitations: only code that the task is seen to run. Reached on a condition only, it is a warning; further than one
call from the task it is likely as well. There is no fix: raise an exception that says what is wrong, and let
the parent decide to exit.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.unbounded import waits
from poolaudit.evidence.worker_death import Death, deaths
from poolaudit.facts import FileFacts, Handler, Operation, PoolSite, Span, Task
from poolaudit.needs.workers import BROKEN, handlers
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_NEAR = 1
"""One call. What lies further from the task is seldom written with the worker in mind, and seldom run there."""

_CATCH_EXIT = frozenset({"builtins.SystemExit", "builtins.BaseException"})


class _Exit(Struct, frozen=True):
    death: Death
    task: Task
    operation: Operation
    site: PoolSite

    @property
    def reported(self) -> Span:
        """Where it stands in this file."""
        return self.task.span if self.death.where.path else self.death.where


def check_file(file: FileFacts, settings: Settings) -> Iterator[Finding]:
    exits: dict[Span, list[_Exit]] = {}
    for found in _exits(file):
        exits.setdefault(found.reported, []).append(found)
    for where, alike in exits.items():
        worst = min(alike, key=lambda each: (not each.death.way.always, each.site.kind != "pool"))
        death = worst.death
        name = death.function.name if death.function else worst.task.name
        ends = () if death.where == where else (Related(death.where, "ends the worker"),)
        yield Finding(
            where,
            f"`{name}` exits in a worker by `{death.name}`: {_harm(death, worst.operation, worst.site)}",
            label="runs in a worker",
            severity="error" if death.way.always else "warning",
            confidence="certain" if death.way.always or death.depth <= _NEAR else "likely",
            related=(*ends, *(Related(each.task.span, _task(each, worst)) for each in alike if each.task.span != where)),
        )


def _exits(file: FileFacts) -> Iterator[_Exit]:
    for site, operation in file.operations():
        if operation.task is not None and operation.process_only and not expects_failure(file, operation):
            for death in deaths(operation.task, file):
                if death.kind != "signalled" and not _is_ready(death, operation, site):
                    yield _Exit(death, operation.task, operation, site)


def _task(each: _Exit, worst: _Exit) -> str:
    alike = each.site.kind == worst.site.kind
    return "the task" if alike else f"the task; here {_harm(each.death, each.operation, each.site)}"


def _harm(death: Death, operation: Operation, site: PoolSite) -> str:
    if site.kind == "pool":
        return f"the Pool waits for ever for the result of `{operation.method}`"
    if death.kind == "raised":
        return "the executor raises SystemExit in the parent, which ends without a traceback"
    return "the executor is broken, and every result that is still to come is lost"


def _is_ready(death: Death, operation: Operation, site: PoolSite) -> bool:
    """The parent reckons with it, or never notices."""
    handle = operation.handle
    limits = [limited for _, limited in waits(operation)]
    if site.kind == "pool":
        return handle.complete and bool(limits) and all(limits)
    if death.kind == "raised":
        unread = handle.complete and not limits and operation.method != "run_in_executor"
        return unread or any(_catches_exit(handler) for handler in handlers(site))
    return any((name.api or name.text).rpartition(".")[2] in BROKEN for handler in handlers(site) for name in handler.types)


def _catches_exit(handler: Handler) -> bool:
    return not handler.types or any(name.api in _CATCH_EXIT for name in handler.types)


RULE = Rule(code="PA511", name="exit-in-worker", severity="error", check_file=check_file, supersedes=("PA410",), doc=__doc__)

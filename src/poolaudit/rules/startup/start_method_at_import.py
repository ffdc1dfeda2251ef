"""The start method is set where setting it fails: while a file is imported, a second time, or after its first use.

Why it hurts: set_start_method works once in a process, and not after a pool, a lock or a queue has settled the method:
then it raises a RuntimeError. A worker that is not forked starts with the method settled, and imports the file that it
comes from: at module level the call fails in every worker. A Pool starts new workers for ever, an executor fails with a
BrokenProcessPool.

When it is fine: below the main guard, before anything else of multiprocessing. With force=True. Where the RuntimeError
is caught. `fork` at module level: forked workers import nothing. `forkserver` at module level from Python 3.14, whose
fork server imports the program first.

Limitations: only files that work with process pools are looked at, and only methods that are written out.

Fix: puts the call at module level below a main guard of its own. Unsafe: a program that imports the file no longer gets
the start method from it. There is none in a file that is not a script: give the pool a context by get_context.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.at_import import start
from poolaudit.evidence.start_method import is_program, method, runs_in_workers, setters, settled_before
from poolaudit.facts import MODULE_SCOPE, FileFacts, LibraryCall
from poolaudit.rewriting.indent import Unindentable, deeper, newline
from poolaudit.rewriting.main_guard import GUARD
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import FORKSERVER_SINCE, Settings


def check_file(file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for call in setters(file):
        settled = settled_before(call, file)
        if settled is not None:
            point, why = settled
            yield Finding(
                call.point.span,
                f"the start method is settled already: {why}, and set_start_method raises a RuntimeError",
                related=(Related(point.span, why),),
                notes=("set it once, below the main guard, before anything else of multiprocessing",),
            )
        elif _is_of_fresh_workers(call, settings) and runs_in_workers(call, file):
            yield _at_import(call, file)


def _is_of_fresh_workers(call: LibraryCall, settings: Settings) -> bool:
    """The workers that it is about import the file as any program would."""
    chosen = method(call)
    return chosen == "spawn" or (chosen == "forkserver" and min(settings.targets) < FORKSERVER_SINCE)


def _at_import(call: LibraryCall, file: FileFacts) -> Finding:
    try:
        fix = _guarded(call, file)
    except Unindentable:
        fix = None
    return Finding(
        call.point.span,
        "every worker imports this file and sets the start method again, which raises a RuntimeError: no worker can start",
        label="runs again in every worker",
        # mostly a question of the platform
        severity="warning" if any(step.block.kind == "if" for step in call.point.path) else None,
        notes=() if fix else ("set it below the main guard, or give the pool a context: `get_context(..).Pool(..)`",),
        fix=fix,
    )


def _guarded(call: LibraryCall, file: FileFacts) -> Fix | None:
    """The call below a main guard, where it is a statement of module level of a script whose pools wait for the guard."""
    statement = call.point.statement
    plain = call.function == MODULE_SCOPE and not call.point.path and statement.form == "expression" and statement.alone
    if not (plain and is_program(file)) or any(start(site, file) for site in file.sites if site.is_process):
        return None
    opening, *others = deeper(file.text, statement.span)
    head = insert(opening.start, f"{GUARD}{newline(file.text)}{opening.replacement}")
    return Fix(
        f"set it below `{GUARD}`",
        "unsafe",
        (head, *others),
        caveats=(Caveat("importers-keep-theirs", "a program that imports this file no longer gets the start method from it"),),
    )


RULE = Rule(
    code="PA307",
    name="start-method-at-import",
    severity="error",
    check_file=check_file,
    fix="unsafe",
    doc=__doc__,
)

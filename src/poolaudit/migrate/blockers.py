"""What keeps a pool from being migrated, by name.

Knows why each form has no faithful counterpart and what would unlock it. Must never know how a form is found.
Every entry has a pair of programs that behave differently below fixtures/migrations.
"""

from __future__ import annotations

from msgspec import Struct

from poolaudit.facts import Span
from poolaudit.migrate.plan import Blocker


class Reason(Struct, frozen=True):
    """One entry: why it blocks, in one sentence, and the smallest edit that unlocks it."""

    why: str
    unlock: str


BLOCKERS: dict[str, Reason] = {
    # --- which pool it is
    "pool-origin-unknown": Reason(
        "What the name holds is not proven to be one pool of the standard library.", "Build the pool where it is used."
    ),
    "pool-class-is-variable": Reason(
        "The class of the pool, or which pool a call goes to, is chosen at run time.", "Build one class in one place."
    ),
    "pool-subclassed": Reason("The pool is of a class of the project.", "Use the class of the standard library."),
    "manager-pool": Reason(
        "A Manager's Pool lives in another process; ProcessPoolExecutor has no such proxy.", "Use multiprocessing.Pool."
    ),
    "pool-escapes": Reason(
        "The pool is passed on, stored or returned to code that is not followed, which may use any method of it.",
        "Keep the pool in one function, or pass functions instead of it.",
    ),
    "other-file": Reason("A use of the pool stands in another file.", "Use the pool in the file that builds it."),
    "private-attribute": Reason(
        "A private attribute of the pool is used, which the other class does not have.", "Keep the number or the list yourself."
    ),
    "pool-reentered": Reason("The pool is entered by `with` more than once.", "Build it in the one `with` that uses it."),
    "code-shape": Reason("The text cannot be edited safely here.", "Give each statement a line of its own."),
    "unmapped-method": Reason("The method has no counterpart.", "Use map, starmap, apply_async or submit."),
    "unclear-arguments": Reason("Star arguments or unknown keywords hide what is passed.", "Write the arguments out."),
    # --- the constructor
    "unclear-worker-count": Reason(
        "The chunks that Pool.map makes depend on the number of workers, which is not in reach where the call stands.",
        "Keep the number of workers in a name that both places can read, or pass chunksize.",
    ),
    "maxtasksperchild": Reason(
        "max_tasks_per_child needs Python 3.11, switches fork to spawn without a word, and hangs on 3.11 to 3.13 when it is"
        " above 1"
        " (gh-115634).",
        "Drop maxtasksperchild, or keep the Pool.",
    ),
    "state-changed-before-first-submit": Reason(
        "A Pool forks its workers when it is built, an executor at the first submit: what the process changes in between is"
        " seen by"
        " the workers of one and not of the other.",
        "Change the state before the pool is built.",
    ),
    "workers-start-later": Reason(
        "A Pool starts its workers when it is built, an executor when the first task is submitted: an initializer that does the"
        " work, or a pool that is given nothing to do, is not the same.",
        "Submit the work as tasks.",
    ),
    "initializer-observed": Reason(
        "A Pool runs its initializer in all workers at once, an executor in as many as its tasks need: who sees what the"
        " initializer leaves behind, or waits in it for the other workers, can tell.",
        "Do it in the tasks, or before the pool is built.",
    ),
    "workers-observed": Reason(
        "The processes of a Pool are there from the beginning, those of an executor after the first task.",
        "Do not count the children.",
    ),
    "threadpool-default-size": Reason(
        "ThreadPool() has one thread per CPU, ThreadPoolExecutor() four more.", "Write the number of threads down."
    ),
    # --- tasks
    "unclear-chunksize": Reason(
        "The executor refuses a chunksize of None or 0, which Pool takes.", "Pass a chunksize that is plainly at least 1."
    ),
    "argument-mutated-after-submit": Reason(
        "Pool pickles the arguments within moments, the executor only when its queue has room: a later change reaches the tasks"
        " that wait.",
        "Pass a copy.",
    ),
    "task-exits": Reason(
        "A task that raises SystemExit or KeyboardInterrupt hangs a Pool and ends the program that asks a future.",
        "Raise an ordinary exception.",
    ),
    "task-stops-iteration": Reason(
        "A task that raises StopIteration ends the results of a Pool in silence; those of an executor raise RuntimeError.",
        "Give next() a default.",
    ),
    "thread-chunksize": Reason(
        "ThreadPool runs a chunk in one thread, one task after the other; ThreadPoolExecutor makes no chunks.",
        "Drop the chunksize.",
    ),
    # --- results
    "unretrieved-at-exit": Reason(
        "Work can be outstanding when the pool ends: a Pool kills it there, an executor finishes it.",
        "Wait for every result before the pool ends, or close and join it.",
    ),
    "async-handle-escapes": Reason(
        "An AsyncResult goes where its uses are not seen; a Future has other methods.", "Call get() where the result is at hand."
    ),
    "successful-before-ready": Reason(
        "successful() raises ValueError before the result is there; exception() of a future waits.", "Call wait() or get() first."
    ),
    "map-async-handle": Reason(
        "Executor.map gives an iterator: it has no ready, wait, successful, second get or get with a timeout.",
        "Read the result once, by get() without a timeout.",
    ),
    "map-async-callback": Reason("Executor.map takes no callback.", "Call the function with the result of get()."),
    "callback-effect-read-early": Reason(
        "Pool runs callbacks before get() returns, the executor after result() does.",
        "Close and join the pool before what the callback has done is read.",
    ),
    "callback-under-lock": Reason(
        "The executor may run the callback in the thread that submits, which holds the lock here.", "Submit outside the lock."
    ),
    "callbacks-at-once": Reason(
        "ThreadPool runs callbacks one by one, ThreadPoolExecutor each in the thread that has finished, several at once.",
        "Let the callback only append.",
    ),
    "callback-unknown": Reason("What the callback does is not seen.", "Call a function of this file."),
    "early-exit-from-imap": Reason(
        "The loop may be left early: what is still queued is dropped by a Pool and run by an executor.",
        "Read all results, or keep the Pool.",
    ),
    "imap-generator-argument": Reason(
        "imap reads its iterable item by item in a thread, Executor.map reads all of it before it returns: what a generator"
        " yields,"
        " raises or reuses is seen at another time.",
        "Pass a list.",
    ),
    "imap-unbounded-iterable": Reason(
        "Executor.map reads the whole iterable before it returns, and this one has no end.", "Keep Pool.imap."
    ),
    "imap-next-timeout": Reason(
        "next(timeout) waits for one item; the timeout of Executor.map is one deadline for all.",
        "Use apply_async and get(timeout).",
    ),
    "imap-resumed-after-exception": Reason(
        "imap goes on after an item has failed, the iterator of Executor.map has ended.", "Submit the tasks one by one."
    ),
    "unordered-order-observed": Reason(
        "The chunks of imap_unordered have no counterpart that yields in the order of completion.",
        "Drop the chunksize, or use imap.",
    ),
    # --- exceptions and timeouts
    "timeout-relies-on-terminate": Reason(
        "After a timeout the exit of a Pool kills the task, that of an executor waits for it.", "Keep the Pool."
    ),
    "timeout-handler-unresolved": Reason(
        "The timeout raises another class, and no handler around it is seen that could be changed.",
        "Handle multiprocessing.TimeoutError around get().",
    ),
    "task-may-raise-timeout": Reason(
        "From Python 3.11 on a TimeoutError of the task itself would be taken for a timeout of the pool.",
        "Catch TimeoutError in the task.",
    ),
    "closed-pool-error-caught": Reason(
        "A submission after close() raises ValueError for a Pool and RuntimeError for an executor.", "Submit before close()."
    ),
    "pool-exception-class-caught": Reason(
        "An exception that only Pool raises is handled.", "Handle the exception of the task instead."
    ),
    "keyboard-interrupt-handled": Reason(
        "Ctrl-C is handled: a Pool can end at once, an executor waits for the tasks that its workers have.", "Keep the Pool."
    ),
    "survives-worker-death": Reason(
        "When a worker dies a Pool loses one task, an executor all that are pending.", "Keep the Pool."
    ),
    # --- the end
    "terminate-with-outstanding-work": Reason(
        "terminate() kills what is running, shutdown() waits for it.", "Wait for every result before terminate()."
    ),
    "blocks-event-loop": Reason(
        "In a coroutine the exit of `with ProcessPoolExecutor` waits with the event loop standing still; a Pool kills its tasks.",
        "Await the work: loop.run_in_executor(executor, function, argument).",
    ),
    "pool-never-closed": Reason(
        "Nothing ends the pool: at exit the interpreter kills a Pool and waits for an executor.", "Use `with`, or close and join."
    ),
    "not-verified": Reason(
        "The new code was written and did not pass the checks that every rewrite must pass.", "See what the message says."
    ),
    # --- executor to pool
    "built-at-import": Reason(
        "An executor starts no process before its first task, a Pool when it is built: importing the file would start workers,"
        " and where they are not forked, each of them would import it again.",
        "Build it in a function.",
    ),
    "worker-may-die": Reason(
        "When a worker dies, or its initializer raises, an executor raises BrokenProcessPool and a Pool hangs.",
        "Keep the executor.",
    ),
    "executor-escapes": Reason(
        "The executor is passed on to code that is not followed, such as an event loop, which needs an executor.",
        "Keep the executor.",
    ),
    "map-timeout": Reason("Pool has no deadline for all results of a map.", "Keep the executor."),
    "as-completed-keyed": Reason(
        "The future is a key or is compared; imap_unordered gives only values.", "Return the key from the task."
    ),
    "done-callback-opaque": Reason(
        "The callback uses more of the future than its result.", "Let the callback only read result()."
    ),
    "future-cancel": Reason("A task of a Pool cannot be cancelled.", "Keep the executor."),
    "futures-wait": Reason("Pool has no wait() for the first of several results.", "Keep the executor."),
    "future-exception-method": Reason("An AsyncResult gives its exception only by raising it.", "Call result() in a try."),
    "broken-pool-handled": Reason("A Pool whose worker dies hangs instead of raising.", "Keep the executor."),
    "worker-needs-children": Reason("Workers of a Pool are daemons and may not start processes.", "Keep the executor."),
    "shutdown-nowait": Reason("Pool has no end that neither waits nor kills.", "Let shutdown() wait."),
    "shutdown-cancel": Reason("Pool cannot drop what is queued and finish what runs.", "Keep the executor."),
    "max-tasks-per-child": Reason(
        "max_tasks_per_child without a context means spawn; the start method of this one is not seen.", "Pass mp_context."
    ),
    "lazy-map-of-several-iterables": Reason(
        "Pool.imap takes one iterable, and what reads this map reads it item by item.", "Use list() of it."
    ),
}


def blocked(name: str, where: Span, message: str) -> Blocker:
    """A blocker at its place. Raises KeyError for a name that the table does not have."""
    return Blocker(name, where, message, BLOCKERS[name].unlock)

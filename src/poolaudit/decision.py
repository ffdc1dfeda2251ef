"""THE TREE: which API fits a pool, as data. The only file that chooses an API.

Read it from top to bottom: musts before shoulds. An unknown answer goes on, and the decision says what is not known; a verdict is
undecided only where the API itself or all operations are unknown. How each question is answered: needs/ and readiness.py.
Must never look at a fact itself, and must never know a rule, a report or an edit.
"""

from __future__ import annotations

from poolaudit import readiness
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.needs import killing, kinds, uses, workers
from poolaudit.settings import Settings
from poolaudit.suppression import Assumption
from poolaudit.tree import ONWARD, Branch, Decision, Leaf, Node, Note, Question, Row, Subject, Tree, cascade, decide, vocabulary

# --- the questions: a word for assume[..], the text, and the predicate that answers it

THIRD_PARTY = Question("third-party", "Is it a pool of another library, or a manager's?", kinds.third_party, identity=True)
TORCH = Question("torch", "Is it torch.multiprocessing?", kinds.torch, identity=True)
EXECUTOR = Question("executor", "Is it an executor today?", kinds.executor, identity=True)

PICKLABLE = Question("picklable", "Can every task be pickled?", workers.picklable)
FORK_SAFE = Question("fork-safe", "Does it work alike when the start method is not fork?", readiness.fork_safe)
THREADS = Question("threads", "Would threads do?", workers.threads)

ASYNCIO = Question("asyncio", "Does asyncio wait for it?", uses.asyncio)
CHILDREN = Question("children", "Do its tasks start processes?", workers.children)
KILL = Question("kill", "Is running work killed on purpose?", killing.kill)
PYTHON_3_14 = Question("python-3.14", "Is every supported Python 3.14 or newer?", kinds.every_target_3_14)
ENDLESS = Question("endless-initializer", "Does its initializer never return?", workers.endless_initializer)
BARRIER = Question("barrier", "Must all workers be up at once?", workers.all_workers_up)
HANDED_OUT = Question("handed-out", "Does code elsewhere hold it, or one of its methods?", uses.handed_out)
PRIVATE = Question("private", "Are private attributes used?", uses.private)
RECYCLING = Question("recycling", "Are workers replaced as only Pool can on every supported Python?", uses.recycling)
LAZY = Question("lazy-input", "Is endless or generated input taken in lazily?", uses.lazy_input)
CANCEL = Question("cancel", "Are single tasks cancelled?", uses.cancel)
FUTURES = Question("futures", "Are its futures waited for, asked or given callbacks?", uses.futures)
DEATH = Question("worker-death", "Is the death of a worker handled, or a cause of it seen?", workers.worker_death)
EXECUTOR_AHEAD = Question("executor-ahead", "Is a cluster with the Executor API in use?", kinds.executor_ahead)
POOL_AHEAD = Question("pool-ahead", "Is a cluster with the Pool API in use?", kinds.pool_ahead)
USED = Question("used", "Is anything seen that is done with it?", uses.used)
POOL_FORM = Question("pool-form", "Has Pool a form for every operation?", uses.has_pool_form)


def need(question: Question, then: Node) -> Row:
    """A need that is seen ends the cascade; one that is not seen, or not known, goes on."""
    return Row(question, yes=then, no=ONWARD, unknown=ONWARD)


def told(question: Question) -> Row:
    """Alike under both APIs: it is in the trace and decides nothing."""
    return Row(question, yes=ONWARD, no=ONWARD, unknown=ONWARD)


# fmt: off
POOL = cascade(
    told(PICKLABLE),
    told(FORK_SAFE),
    told(THREADS),

    need(ASYNCIO, Leaf("use-executor", "must", "a coroutine can await an executor's work; a Pool call stops the event loop")),
    need(CHILDREN, Leaf("use-executor", "must", "a Pool worker is daemonic and may not have children; an executor's may")),
    need(ENDLESS, Leaf("keep-pool", "must", "workers that loop in the initializer never take a task to submit")),
    need(KILL, Branch(
        PYTHON_3_14,
        yes=Leaf("use-executor", "may", "terminate_workers() ends running tasks as well"),
        no=Leaf("keep-pool", "must", "an executor cannot stop a running task before Python 3.14",
                would_flip=("Only Python 3.14 and newer: terminate_workers() ends running tasks.",)),
        unknown=Leaf("keep-pool", "must", "an executor can stop a running task from Python 3.14 only"),
    )),

    need(BARRIER, Leaf("keep-pool", "should", "Pool starts all workers at once; an executor may start them on demand")),
    need(HANDED_OUT, Leaf("keep-pool", "should", "code elsewhere relies on the Pool API")),
    need(PRIVATE, Leaf("keep-pool", "should", "an executor has other private attributes")),
    need(RECYCLING, Leaf("keep-pool", "should", "max_tasks_per_child needs 3.11, no fork, and hangs above 1 before 3.14")),
    need(LAZY, Leaf("keep-pool", "should", "imap takes items as the workers go; Executor.map takes them all first",
                    would_flip=("Only Python 3.14 and newer: Executor.map(buffersize=) takes items lazily.",))),
    need(CANCEL, Leaf("use-executor", "should", "a future that has not started can be cancelled, without own machinery")),
    need(DEATH, Leaf("use-executor", "should", "when a worker dies Pool waits for ever; an executor raises BrokenProcessPool")),

    need(EXECUTOR_AHEAD, Leaf("use-executor", "may", "the same submit and map then run on processes and on the cluster")),
    need(POOL_AHEAD, Leaf("keep-pool", "may", "the same map and apply then run on processes and on the cluster")),

    otherwise=Branch(
        USED,
        yes=Leaf("either", "may", "both do this work alike; nothing seen needs more",
                 would_flip=("A coroutine that waits for it, tasks that start processes or are cancelled: use-executor.",
                             "Running tasks that must be killed, recycled workers, endless input: keep-pool.")),
        no=Leaf("either", "may", "nothing is submitted, so nothing decides"),
        unknown=Leaf("undecided", "may", "nothing of what is done with it is seen"),
    ),
)

EXECUTOR_TODAY = cascade(
    told(PICKLABLE),
    told(FORK_SAFE),
    told(THREADS),

    need(ASYNCIO, Leaf("keep-executor", "must", "asyncio can wait for an executor and not for a Pool")),
    need(CANCEL, Leaf("keep-executor", "must", "Pool cannot cancel a task")),
    need(FUTURES, Leaf("keep-executor", "must", "Pool gives no futures")),
    need(DEATH, Leaf("keep-executor", "must", "when a worker dies an executor raises; Pool waits for ever")),
    need(CHILDREN, Leaf("keep-executor", "must", "an executor's worker may have children; a Pool worker may not")),
    need(HANDED_OUT, Leaf("keep-executor", "must", "code elsewhere relies on the Executor API")),

    need(LAZY, Branch(
        POOL_FORM,
        yes=Leaf("use-pool", "should", "Executor.map takes all input first and never ends; imap takes it as the workers go",
                 would_flip=("Only Python 3.14 and newer: Executor.map(buffersize=) takes items lazily.",)),
        no=Leaf("keep-executor", "should", "Pool lacks an operation that is used; a window of submits takes endless input"),
        unknown=Leaf("keep-executor", "may", "not every use is seen; a window of submits takes endless input"),
    )),
    need(RECYCLING, Branch(
        POOL_FORM,
        yes=Leaf("use-pool", "should", "maxtasksperchild works; max_tasks_per_child needs 3.11 and hangs above 1 before 3.14"),
        no=Leaf("keep-executor", "should", "Pool lacks an operation that is used; max_tasks_per_child=1 cannot hang"),
        unknown=Leaf("keep-executor", "may", "not every use is seen; max_tasks_per_child=1 cannot hang"),
    )),

    otherwise=Branch(
        KILL,
        yes=Leaf("keep-executor", "should", "terminate_workers() does it from Python 3.14",
                 would_flip=("A supported Python before 3.14: only Pool's terminate() kills there.",)),
        no=Leaf("keep-executor", "may", "it works, and nothing seen needs Pool"),
        unknown=Leaf("keep-executor", "may", "nothing seen needs Pool, but not every use is seen"),
    ),
)

API_TODAY = Branch(
    EXECUTOR,
    yes=EXECUTOR_TODAY,
    no=POOL,
    unknown=Leaf("undecided", "may", "the class is chosen at run time"),
)

TREE = Tree(
    Branch(
        THIRD_PARTY,
        yes=Branch(
            TORCH,
            yes=Leaf("keep-pool", "should", "torch adds its reducers there: tensors travel through shared memory"),
            no=Leaf("leave", "should", "it does what the standard library does not: other pickling, a cluster, a server"),
            unknown=Leaf("undecided", "may", "the library is chosen at run time"),
        ),
        no=API_TODAY,
        unknown=API_TODAY,
    ),
    notes=(
        Note("Results as they complete", "both give them: imap_unordered as well as as_completed."),
        Note("An initializer", "both take one. If it raises, Pool restarts workers for ever and an executor breaks."),
        Note(
            "Timeouts",
            "both raise, each its own class: multiprocessing.TimeoutError and concurrent.futures.TimeoutError. Neither ends the "
            "task; only leaving `with Pool` does.",
        ),
        Note("Direct results", "both give them: Executor.map yields results, not futures."),
        Note("Legacy code", "is no reason by itself: Pool is not deprecated."),
        Note(
            "5 to 10 % of speed",
            "is not what was measured. Executor.map sends items one by one unless told otherwise, Pool.map sends chunks: with "
            "thousands of tiny tasks that is a factor of 100 and more; with equal chunks the two are alike.",
        ),
    ),
)
# fmt: on

ASSUMPTIONS = vocabulary(TREE)
"""What assume[..] may hold, with the question and the answer that each word states."""


def decide_site(
    site: PoolSite,
    file: FileFacts,
    settings: Settings,
    assumptions: tuple[Assumption, ...] = (),
    ready: readiness.Ready | None = None,
) -> Decision | None:
    """The verdict on one pool with its reasons. None for pools of threads or interpreters: there the question does not arise."""
    if site.workers in ("thread", "interpreter"):
        return None
    return decide(TREE, Subject(site, file, settings, assumptions, ready))

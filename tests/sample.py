"""A small run, made by hand: one file with two pools, three findings, and a file that could not be parsed.

Knows the shapes of facts, findings and reports. Must never survey anything: the formats are tested without the rest of the house.
"""

from __future__ import annotations

from poolaudit.edits import Caveat, Edit, Fix
from poolaudit.facts import Evidence, FileFacts, Function, Handle, Operation, Parameters, Point, PoolSite, Span, Statement, Value
from poolaudit.readiness import Ready, Reason
from poolaudit.report import FileReport, Problem, Report, Reported
from poolaudit.rule import Finding, Related
from poolaudit.tree import Decision, Traced

TEXT = """\
import multiprocessing as mp

CACHE = {}


def enrich(row):
    return CACHE[row]


def load_all(rows):
    CACHE.update(rows)
    with mp.Pool(8) as pool:
        return pool.map(enrich, rows)


def quick(rows):
    executor = ProcessPoolExecutor()
    executor.map(lambda row: row, rows)
"""


def span_of(needle: str, text: str = TEXT, start: int = 0) -> Span:
    """The span of the first occurrence of `needle` at or after `start`."""
    found = text.index(needle, start)
    return Span(found, found + len(needle))


def point(span: Span, scope: int = 0, order: int = 0) -> Point:
    return Point(scope, order, (), span, Statement(span, "", "expression", True, span))


def function(identity: int, name: str, span: Span) -> Function:
    parameters = Parameters(("rows",), 1, (), (), False, False)
    return Function(
        identity, name, name, span, span, span, span, "    ", 0, None,
        is_lambda=False, is_async=False, is_generator=False, under_guard=False, nested=False, parameters=parameters,
        decorators=(), captures=(), globals=(), raises=(), returns=(), calls=(), library_calls=(),
        pools=(), weight=0, complete=True,
    )  # fmt: skip


def operation(method: str, call: str, site: int) -> Operation:
    span = span_of(call)
    start = span.start + call.index(method)
    return Operation(
        method, point(span), span, Span(start, start + len(method)), (), span, None, (), None,
        Handle("value", (), True, False), (site,), certain=True, process_only=True, in_async=False, awaited=False, loop=None,
    )  # fmt: skip


def site(index: int, call: str, kind: str, function_id: int, operations: tuple[Operation, ...] = ()) -> PoolSite:
    span = span_of(call)
    count = Value("const", Span(span.end - 2, span.end - 1), "8", literal=True, const=8) if "8" in call else None
    return PoolSite(
        index=index,
        foreign=False,
        api="multiprocessing.Pool" if kind == "pool" else "concurrent.futures.ProcessPoolExecutor",
        family="multiprocessing" if kind == "pool" else "concurrent.futures",
        kind="pool" if kind == "pool" else "executor",
        workers="process",
        pickling="pickle",
        stdlib=True,
        worker_count=count,
        point=point(span, function_id),
        callee=span,
        arguments=(),
        argument_list=span,
        binding="with" if kind == "pool" else "name",
        name="pool" if kind == "pool" else "executor",
        target=None,
        with_block=None,
        lifetime="with" if kind == "pool" else "unclosed",
        operations=operations,
        ends=(),
        uses=(),
        complete=True,
        function=function_id,
        class_id=None,
        in_async=False,
        module_level=False,
        guarded=False,
        at_import=None,
        loop=None,
        initializer=None,
        start_method=None,
        conditional=False,
    )


def facts(path: str = "src/load.py", text: str = TEXT, sites: tuple[PoolSite, ...] = ()) -> FileFacts:
    load_all = function(2, "load_all", span_of("def load_all(rows):"))
    quick = function(3, "quick", span_of("def quick(rows):"))
    return FileFacts(
        path, text, sites, {2: load_all, 3: quick}, {}, {}, (), (), None,
        is_script=False, in_package=True, start_method=None,
    )  # fmt: skip


KEEP = Decision(
    verdict="keep-pool",
    strength="should",
    reason="ProcessPoolExecutor.map would read all rows before the first result",
    trace=(
        Traced("Is it awaited from asyncio?", Evidence("no", "")),
        Traced("Is lazy input needed?", Evidence("yes", "rows is a generator", span_of("return pool.map"))),
        Traced("Is running work killed on purpose?", Evidence("unknown", "the pool is handed to outside code")),
    ),
    not_known=(
        "Is running work killed on purpose? Not known: the pool is handed to outside code. "
        "`# poolaudit: assume[kill]` or `# poolaudit: assume[no-kill]` would state it.",
    ),
    would_flip=("rows becoming a list",),
    not_taken=("Is lazy input needed? If no: either, may (both do it).",),
)
EITHER = Decision("either", "may", "both do what is asked here", (), (), ())

INHERITED = Reported(
    code="PA305",
    name="inherited-global",
    severity="warning",
    confidence="certain",
    finding=Finding(
        where=span_of("mp.Pool(8)"),
        message="worker `enrich` reads `CACHE`, which only the parent fills",
        label="no start method given",
        related=(
            Related(span_of("CACHE = {}"), ""),
            Related(span_of("CACHE.update(rows)"), "written here, after import"),
            Related(span_of("CACHE[row]"), "read here, in the worker"),
        ),
        notes=("fails on Linux from 3.14 (forkserver), macOS and Windows (spawn)",),
    ),
    site=0,
    fix=Fix(
        "pass `CACHE` through initializer=",
        "unsafe",
        (Edit(10, 12, "x"),),
        caveats=(Caveat("pickled-per-worker", "it is pickled once per worker"),),
    ),
    edits=(Edit(10, 12, "x"),),
)
LAMBDA = Reported(
    code="PA201",
    name="lambda-task",
    severity="error",
    confidence="certain",
    finding=Finding(span_of("lambda row: row"), "a lambda cannot be pickled", label="pickled here"),
    site=1,
    fix=Fix("move the lambda to a function", "safe", (Edit(0, 0, "def f(row): return row\n"),)),
    edits=(Edit(0, 0, "def f(row): return row\n"),),
)
BREAKS = Ready((Reason("break", INHERITED.name, INHERITED.finding.message, INHERITED.finding.where, INHERITED.code),))
HIDDEN = LAMBDA._replace(code="PA502", name="unread-map", suppressed=True, fix=None, edits=())

LOAD = FileReport(
    "src/load.py",
    facts(
        sites=(
            site(0, "mp.Pool(8)", "pool", 2, (operation("map", "pool.map(enrich, rows)", 0),)),
            site(1, "ProcessPoolExecutor()", "executor", 3, (operation("map", "executor.map(lambda row: row, rows)", 1),)),
        )
    ),
    decisions=(KEEP, EITHER),
    readiness=(BREAKS, Ready()),
    findings=(LAMBDA, INHERITED, HIDDEN),
)
OLD = FileReport("legacy/old.py", None, problems=(Problem("PA001", "Python 2 print statement", "legacy/old.py", 2, 7),))
RUN = Report(files=(OLD, LOAD), problems=(), targets=((3, 10), (3, 14)), files_scanned=214, candidates=11, seconds=1.25)
CLEAN = RUN._replace(files=(LOAD._replace(findings=(HIDDEN,), readiness=(Ready(), Ready())),))
EMPTY = RUN._replace(files=(), candidates=0)

"""What a survey found, as frozen values.

Knows the shape of every fact that a rule, the decision tree or a rewrite may ask for, and how two points of a program relate.
Must never know libcst, a rule, a file on disk or an edit of text: facts are stated by `survey` and read by everyone else.

Offsets are Unicode code points into the decoded text of the file. Absence is a fact of its own: a rule that reports
"never read" or "never closed" must ask for `complete` first, because an unseen use proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct, field

MODULE_SCOPE = 0
"""The scope id of module level; every other scope id is the id of a function."""

Answer = Literal["yes", "no", "unknown"]
StartMethod = Literal["fork", "spawn", "forkserver", "unknown"]
"""'unknown': a method that cannot be read."""


class Span(Struct, frozen=True, order=True):
    """A half-open range of characters of a file's text.

    `path` is '' for the file that the facts are of, else names another file of the project.
    """

    start: int
    end: int
    path: str = ""

    def __contains__(self, other: Span) -> bool:
        return self.path == other.path and self.start <= other.start and other.end <= self.end


class Name(Struct, frozen=True):
    """A type or callee as written: its canonical dotted name where imports resolve it, the class of this file where it is one."""

    span: Span
    api: str | None
    """Canonical name: 'multiprocessing.TimeoutError', 'builtins.TimeoutError'. None = unknown or defined in the project."""
    text: str
    class_id: int | None = None


class Handler(Struct, frozen=True):
    """One `except` clause. `types` is empty for a bare `except:`."""

    types: tuple[Name, ...]
    header: Span
    """From `except` to the colon."""
    types_span: Span | None
    """The type expression, tuple parentheses included."""
    body: Span
    alias: str | None
    reraises: bool
    """A `raise` statement stands in the body."""


class Block(Struct, frozen=True, eq=False):
    """A compound statement, comprehension or class body that surrounds something.

    `start` and `end` are evaluation orders: an event of the same scope is inside iff start <= order <= end.
    """

    id: int
    kind: Literal["with", "try", "if", "for", "while", "match", "comprehension", "generator", "class"]
    scope: int
    path: tuple[Step, ...]
    start: int
    end: int
    span: Span
    """The whole statement, decorators excluded, from its keyword to the end of its last line's text."""
    header: Span
    """From the keyword to the colon; for a comprehension the whole of it."""
    body: Span
    """The first body: from the first character of its first statement to the end of its last one."""
    body_indent: str
    is_async: bool
    handlers: tuple[Handler, ...] = ()
    has_finally: bool = False
    leaves: tuple[str, ...] = ()
    """For a loop: 'break', 'return', 'raise', 'continue' that stand in its body at any depth (nested functions excluded)."""
    targets: tuple[str, ...] = ()
    """For a loop or comprehension: the names its target binds; for `with`: the `as` names."""
    iterable: Value | None = None
    """For a `for` loop or comprehension with a single `for`: what it iterates."""
    tests: tuple[str, ...] = ()
    """For `if` / `while`: canonical dotted names that its test mentions ('sys.version_info', 'builtins.hasattr')."""
    rebinds: frozenset[str] = field(default_factory=frozenset)
    """For a loop: every plain name bound anywhere in its body, targets included (nested functions excluded)."""
    forever: bool = False
    """`while True` or iteration over itertools.count / cycle / repeat without a bound."""


class Step(Struct, frozen=True):
    """One level of nesting: inside `arm` of `block`. Arms: body, orelse, finally, except#N, case#N, element, condition."""

    block: Block
    arm: str


class Statement(Struct, frozen=True):
    """The smallest statement around a point."""

    span: Span
    indent: str
    form: Literal["expression", "assign", "return", "header", "other"]
    """expression: a bare expression statement. assign: one simple target. header: of a compound statement."""
    alone: bool
    """It has its lines for itself: no `;`, not the suite of a one-line compound statement."""
    top: Span
    """The statement of module level that holds it, decorators included."""
    assigned: tuple[str, ...] = ()
    """For form 'assign': the plain names that it binds."""


class Point(Struct, frozen=True):
    """Where and when something happens. `order` compares within one scope only."""

    scope: int
    order: int
    path: tuple[Step, ...]
    span: Span
    statement: Statement


class Value(Struct, frozen=True):
    """What is known of an expression, names followed to their only binding.

    `kind` describes what it evaluates to; `text` is how it is written here.
    """

    kind: Literal[
        "const", "lambda", "function", "method", "class", "instance", "partial", "tuple", "list", "dict", "set",
        "comprehension", "generator", "call", "parameter", "module", "api", "pool", "handle", "unknown",
    ]  # fmt: skip
    span: Span
    text: str
    literal: bool = False
    """The expression itself is the display, constant, lambda or call; False: a name or attribute that leads to it."""
    parenthesized: bool = False
    const: object = None
    """For kind 'const': the value (str, bytes, int, float, bool, None, Ellipsis)."""
    api: str | None = None
    """Canonical name. kind 'call': of the callee ('multiprocessing.Queue', 'builtins.open', 'os.environ.get',
    'multiprocessing.Manager().Queue'); kind 'api': of the object itself ('os.environ'; its items are 'os.environ[]');
    kind 'parameter': the parameter's name."""
    function: int | None = None
    """Function id, for lambda, function, method, and for 'call' of a function of this file."""
    class_id: int | None = None
    """Class id, for class and instance, and for the owner of a method."""
    items: tuple[Value, ...] = ()
    """Elements of a literal tuple, list or set; the values of a dict; the element of a comprehension or generator expression;
    the arguments of a 'call' by position."""
    length: int | None = None
    """Number of elements where it is plain: displays without stars, range() of constants, text constants. A list, dict or set
    under a name that something may have changed since has neither length nor `items`."""
    infinite: bool = False
    """itertools.count / cycle / repeat, iter(callable, sentinel) is not; a generator function whose loop never ends."""
    names: frozenset[str] = frozenset()
    """Every name that the expression reads, as written."""
    origin: Span | None = None
    """The expression that a name or attribute plainly leads to. None for an expression in place, a definition or an import, and
    where it leads nowhere."""
    pools: tuple[int, ...] = ()
    """For kind 'pool': the site indexes it may be."""
    certain: bool = True
    """For kind 'pool' and 'handle': it can be nothing else, not None either."""
    handle: Literal["", "async_result", "future", "iterator", "aio_future"] = ""
    """For kind 'handle': which one; '' where it may be several."""
    start_method: StartMethod | None = None
    """For a 'call' of what a multiprocessing context offers: the context's method. None = the default context, or none at all."""


class Argument(Struct, frozen=True):
    """One argument of a call. `span` covers keyword and star; `value.span` the value alone."""

    keyword: str | None
    star: Literal["", "*", "**"]
    span: Span
    keyword_span: Span | None
    value: Value


class Capture(Struct, frozen=True):
    """A name of an enclosing function that a lambda or nested function reads."""

    name: str
    value: Value
    rebound: bool
    """It is bound more than once in the enclosing function, or after the definition: reading it early could differ."""


class GlobalUse(Struct, frozen=True):
    """A module-level name that a function reads, assigns (`global x`) or mutates (x.append(..), x[k] = ..)."""

    name: str
    how: Literal["read", "assign", "mutate"]
    function: int
    """Scope id of the place; MODULE_SCOPE at module level."""
    under_guard: bool
    """The place is below `if __name__ == "__main__":`, directly, not in a function called from there."""
    span: Span
    """The name. Its statement, where what is read is an import, function or class of module level and nothing else."""
    order: int
    """Evaluation order within `function`."""
    value: Value | None = None
    """For how 'assign': what is assigned."""
    binding: Literal["data", "import", "function", "class", "loop", "use"] = "use"
    """For how 'assign': what kind of statement binds it."""
    in_try: bool = False
    conditional: bool = False
    point: Point | None = None
    """For how 'assign' and 'mutate': the place among the blocks around it."""


class Access(Struct, frozen=True):
    """What a scope does with a name, or with an attribute of the object that the name stands for."""

    name: str
    attribute: str
    """The first attribute behind the name: 'items' of self.items.append(x), 'add' of a.add(1); '' of d.append(x) and d[k] = 1."""
    how: Literal["read", "assign", "mutate"]
    """assign: p.x = .., p.x += ... mutate: p.append(..), p[k] = .., p.x.append(..), del p.x. The name itself is in `globals`."""
    point: Point
    """Span: the name."""


class Parameters(Struct, frozen=True):
    """Positional parameters required and accepted (self excluded in a method), keyword-only ones required, stars."""

    names: tuple[str, ...]
    required: int
    keyword_only: tuple[str, ...]
    keyword_only_required: tuple[str, ...]
    star: bool
    double_star: bool


class Raised(Struct, frozen=True):
    """A `raise` statement of a function."""

    exception: Name | None
    """None: a bare re-raise or an unknown expression."""
    point: Point
    arguments: tuple[Argument, ...]


class LibraryCall(Struct, frozen=True):
    """A call of a function whose canonical name is known and that some rule or question may care for."""

    api: str
    function: int
    """Scope id of the place."""
    point: Point
    arguments: tuple[Argument, ...]
    under_guard: bool
    awaited: bool
    receiver: Value | None = None
    """For a method of an object ('threading.Thread().start'): the object, as written."""
    made_at: int | None = None
    """`point.order` of the library call that made that object, where one call did."""


class LocalCall(Struct, frozen=True):
    """A call of functions of the project, in a function that leads to a pool or at module level."""

    function: int
    """Scope id of the place."""
    callees: tuple[int, ...]
    """Ids of the functions that it may run, in order. A call runs no generator function, and no coroutine that is not awaited."""
    certain: bool
    """It runs all of `callees` and nothing else: there is one."""
    point: Point
    """Span: the statement."""
    under_guard: bool


class Function(Struct, frozen=True):
    """A def or lambda that matters: a task, an initializer, a callback, what they call, and every function that holds a pool."""

    id: int
    name: str
    qualname: str
    span: Span
    """def: from its first decorator to the end of its last statement; lambda: the expression without own parentheses."""
    name_span: Span | None
    parameters_span: Span
    """Between the parentheses of a def, or between `lambda` and the colon."""
    body: Span
    """def: first to last statement; lambda: the expression after the colon."""
    indent: str
    parent: int
    """Scope id of the function around it, MODULE_SCOPE at module level or in a class of module level."""
    class_id: int | None
    is_lambda: bool
    is_async: bool
    is_generator: bool
    under_guard: bool
    nested: bool
    """Defined inside another function (lambdas count by their own place)."""
    parameters: Parameters
    decorators: tuple[Name, ...]
    """By the name of what is called: @lru_cache(None) as functools.lru_cache."""
    captures: tuple[Capture, ...]
    globals: tuple[GlobalUse, ...]
    raises: tuple[Raised, ...]
    returns: tuple[Value, ...]
    """Values of `return`; a lambda's body."""
    calls: tuple[int, ...]
    """Ids of functions of this file that it calls, or passes on by name."""
    library_calls: tuple[LibraryCall, ...]
    pools: tuple[int, ...]
    """Site indexes constructed directly in its body, where that lies in this file."""
    weight: int
    """A rough size: nodes of its body, with loops and unknown calls counted high. A one-line arithmetic body is below 15."""
    complete: bool
    """Every call in it is a known function of this file, a builtin or a library function: nothing unknown runs."""
    mutates: tuple[str, ...] = ()
    """Parameters (self included) whose object it changes: p.append(..), p[k] = .., p.x = .."""
    has_loop: bool = False
    makes: tuple[Name, ...] = ()
    """The callees of all pools constructed directly in its body, by the API: also of another file, also from a context."""
    libraries: frozenset[str] = frozenset()
    """Top packages outside of the standard library whose code it calls; of the project, what was not read."""
    decorator_values: tuple[Value, ...] = ()
    """What each of `decorators` evaluates to; functions and classes of the project among them are facts too."""
    endless: bool = False
    """Its own body holds a `while True` that no break or return leaves: it never comes back."""


class AttributeStore(Struct, frozen=True):
    """`self.name = value` or `del self.name` in a method of a class."""

    name: str
    value: Value | None
    """None for `del`."""
    point: Point


class ClassFact(Struct, frozen=True):
    """A class of this file that is a task, an argument, an exception or the owner of a task."""

    id: int
    name: str
    span: Span
    parent: int
    """Scope id of the function around it; MODULE_SCOPE at module level."""
    under_guard: bool
    bases: tuple[Name, ...]
    is_exception: bool
    """A base, followed through this file, is a builtin exception."""
    methods: Mapping[str, int]
    """Name to function id; own methods only."""
    decorators: tuple[Name, ...]
    stores: tuple[AttributeStore, ...]
    """Every `self.x = value` and `del self.x` of its own methods. Classes of the project among the values are facts too."""
    super_init: tuple[Argument, ...] | None
    """Arguments of super().__init__(..) in __init__; None when it is never called. More than one call: `super_init_unclear`."""
    super_init_unclear: bool
    custom_pickle: bool
    """It, or a base of this file, defines __reduce__, __reduce_ex__, __getstate__, __getnewargs__ or __getnewargs_ex__."""
    custom_pickle_below: bool
    """A class derived from it defines one of those: `self` may be an object of that class."""

    @property
    def attributes(self) -> tuple[tuple[str, Value], ...]:
        """Every `self.x = value` of its own methods."""
        return tuple((store.name, store.value) for store in self.stores if store.value is not None)


class Task(Struct, frozen=True):
    """What a worker is asked to run."""

    kind: Literal[
        "function", "nested", "lambda", "method", "builtin", "imported", "class", "instance", "called", "parameter", "unknown"
    ]
    """nested: a def inside a function. imported: from another module. class: a class as a callable. instance: a callable object.
    called: the argument is itself a call (submit(f(x))) that does not return a known callable."""
    name: str
    span: Span
    partial: bool = False
    """Wrapped in functools.partial; then `span` is still the whole argument and `kind` speaks of what is wrapped."""
    bound: tuple[Argument, ...] = ()
    """The arguments that partial binds."""
    function: int | None = None
    """Function id; for 'class' its __init__, for 'instance' its __call__, for 'called' the function that is called."""
    class_id: int | None = None
    api: str | None = None
    """Canonical name of a builtin or imported task."""
    inline: bool = False
    """The callable is written in place (a lambda expression, a partial(...) call): no name stands between."""
    receiver: Value | None = None
    """For 'method': the object it is bound to."""
    made_by: Value | None = None
    """Where the task, or what its name plainly leads to, is written as a call: that call, of kind 'call' whatever it gives.
    `api` ends in '()' for the call of what a library call gave: 'functools.lru_cache()'."""


UseHow = Literal[
    "get", "result", "wait", "ready", "successful", "done", "running", "cancel", "cancelled", "exception",
    "add_done_callback", "iterate", "consume", "next", "index", "len", "as_completed", "wait_futures", "gather",
    "wait_for", "wrap_future", "await", "zip", "return", "yield", "store", "put", "pass", "test", "method", "drop",
]  # fmt: skip


class Use(Struct, frozen=True):
    """One thing that happens to a handle or to a pool.

    iterate: for / comprehension over it, one by one. consume: drained at once (list, sorted, sum, set, dict, star arguments).
    zip: handed to zip / enumerate with `partners`. test: truth, comparison, isinstance.
    put: into a container that is not followed. store: to an attribute, subscript or global that is not followed.
    pass: to a callee that is not followed.
    method: any other method, named by `name`. drop: the expression statement is only this.
    """

    how: UseHow
    point: Point
    via: Literal["direct", "view", "collection", "item"]
    """direct: the object itself. view: through a lazy wrapper (tqdm, enumerate, zip, generator expression).
    collection: the list or dict that holds it. item: one of its RESULTS (an element of an iterator, the value of result())."""
    name: str = ""
    name_span: Span | None = None
    """The method's name; for 'pass' the last part of the callee's."""
    api: str = ""
    """Canonical name of the library function that takes it: 'builtins.any', 'builtins.list'; '' for methods and syntax."""
    views: tuple[str, ...] = ()
    """For via 'view': the lazy wrappers in between, innermost first: 'tqdm.tqdm', 'itertools.islice', 'generator'. For via 'item'
    and how 'zip': ('builtins.list',), a list of results in the order in which they came."""
    certain: bool = True
    """What is used here can be nothing else."""
    loop: Block | None = None
    """For 'iterate': the `for` statement or comprehension that does it; None for `yield from` and `await`."""
    arguments: tuple[Argument, ...] = ()
    timeout: Value | None = None
    partners: tuple[Value, ...] = ()
    stored: tuple[str, ...] = ()
    """The plain names that the statement around it binds from it."""
    in_async: bool = False
    awaited: bool = False


ESCAPES: frozenset[str] = frozenset({"return", "yield", "store", "put", "pass"})
"""Uses after which the object may be used where the survey does not look."""


class Handle(Struct, frozen=True):
    """What an operation gives back. kind 'value': a finished result (Pool.map, apply); its uses are not followed."""

    kind: Literal["async_result", "future", "iterator", "aio_future", "value", "none"]
    uses: tuple[Use, ...]
    complete: bool
    """Every use is known: `uses` holds no escape and nothing of it was lost."""
    bare: bool
    """The operation is a whole expression statement: its result is dropped on the spot."""
    chained: str | None = None
    """The method called on it at once, in the same expression: pool.apply_async(..).get() -> 'get'."""

    @property
    def escapes(self) -> tuple[Use, ...]:
        return tuple(use for use in self.uses if use.how in ESCAPES)


class Operation(Struct, frozen=True):
    """One method call on a pool: pool.map(..), executor.submit(..), loop.run_in_executor(executor, ..); unknown methods too."""

    method: str
    point: Point
    """Span: the whole call expression."""
    receiver: Span
    method_span: Span
    arguments: tuple[Argument, ...]
    argument_list: Span
    """Between the parentheses."""
    task: Task | None
    callbacks: tuple[tuple[str, Task], ...]
    """('callback' | 'error_callback' | 'done_callback', task)."""
    iterable: Value | None
    """The first iterable of a map-like method."""
    handle: Handle
    sites: tuple[int, ...]
    certain: bool
    """Every object that the receiver can be is one of `sites`."""
    process_only: bool
    """`certain`, all of `sites` are standard-library process pools of one kind, and the call stands in this file: process rules
    may speak."""
    in_async: bool
    awaited: bool
    loop: Block | None
    """The innermost loop or comprehension of the same scope around it."""
    pool_from: int | None = None
    """`order` of the call, in the scope of the operation, that its receiver plainly comes from: the construction, or a call that
    gives a pool back. An end with the same one ends the same pool, within one round of the loops around that call."""

    def argument(self, keyword: str, position: int | None = None) -> Argument | None:
        """The argument by keyword, or by position (0 = the first) where no star argument comes before it."""
        return find_argument(self.arguments, keyword, position)


class End(Struct, frozen=True):
    """Something that ends a pool. with-exit: the end of the `with` block that holds it."""

    how: Literal["close", "terminate", "shutdown", "join", "with-exit", "stack", "closing", "atexit", "finalize"]
    point: Point
    arguments: tuple[Argument, ...]
    in_finally: bool
    handler: bool
    """It stands in an `except` arm."""
    pool_from: int | None = None
    """As that of an operation."""


class PoolSite(Struct, frozen=True):
    """One construction of a pool."""

    index: int
    foreign: bool
    """Constructed in another file of the project: here only because this file works with it. Reported there, not here."""
    api: str
    """Canonical name; several joined by ' | ' where the class is chosen at run time among known ones."""
    family: str
    """The API table's family: 'multiprocessing', 'concurrent.futures', 'multiprocessing.dummy', 'multiprocess', 'loky', ..."""
    kind: Literal["pool", "executor", "unknown"]
    workers: Literal["process", "thread", "interpreter", "unknown"]
    pickling: Literal["pickle", "dill", "cloudpickle", "none", "unknown"]
    stdlib: bool
    worker_count: Value | None
    """The argument; None when it is left to the default."""
    point: Point
    """Span: the whole construction call."""
    callee: Span
    arguments: tuple[Argument, ...]
    argument_list: Span
    binding: Literal["with", "name", "attribute", "returned", "argument", "chained", "stack", "other"]
    name: str | None
    """The plain or dotted name it is bound to, as written."""
    target: Span | None
    with_block: Block | None
    """The `with` whose exit ends it, directly or by closing(pool)."""
    lifetime: Literal["with", "closed", "unclosed", "escapes", "unknown"]
    operations: tuple[Operation, ...]
    ends: tuple[End, ...]
    uses: tuple[Use, ...]
    """Everything else that happens to it: passed on, stored, tested, bound methods as values, private attributes ('method')."""
    complete: bool
    """Every use of it is known and none is an escape."""
    function: int
    """Scope id of the place."""
    class_id: int | None
    in_async: bool
    module_level: bool
    """The construction runs in the body of the module or of a class of module level, or as a default argument."""
    guarded: bool
    """Below `if __name__ == "__main__":`, directly."""
    at_import: Point | None
    """The module-level point outside the guard from which importing the file runs the construction (itself when module_level)."""
    loop: Block | None
    """The innermost loop of the same scope around it."""
    initializer: Task | None
    start_method: StartMethod | None
    """From an explicit context; None = the default of platform and version; 'unknown' = a context that cannot be read."""
    conditional: bool
    """One of several objects that its name may hold."""

    def argument(self, keyword: str, position: int | None = None) -> Argument | None:
        """The argument by keyword, or by position (0 = the first) where no star argument comes before it."""
        return find_argument(self.arguments, keyword, position)

    @property
    def is_process(self) -> bool:
        """A process pool of the standard library: what process rules may speak of."""
        return self.stdlib and self.workers == "process"


class Import(Struct, frozen=True):
    """One imported name."""

    name: str
    api: str
    module_level: bool
    under_guard: bool
    span: Span


class FileFacts(Struct, frozen=True):
    """Everything a survey states of one file."""

    path: str
    text: str
    sites: tuple[PoolSite, ...]
    functions: Mapping[int, Function]
    classes: Mapping[int, ClassFact]
    globals: Mapping[str, tuple[GlobalUse, ...]]
    """Per module-level name: every assignment and mutation anywhere in the file, in file order."""
    library_calls: tuple[LibraryCall, ...]
    imports: tuple[Import, ...]
    guard: Block | None
    """The `if __name__ == "__main__":` of module level."""
    is_script: bool
    """Meant to be run: a notebook, a shebang, a main guard, or visible work at module level, and no __init__.py beside it."""
    in_package: bool
    start_method: str | None
    """What set_start_method(..) names in the file, else in the programs that start with it; None when there is none."""
    called_at_import: frozenset[int] = field(default_factory=frozenset)
    """Functions of this file that importing it runs: called at module level outside the guard, directly or through others."""
    called_under_guard: frozenset[int] = field(default_factory=frozenset)
    """Functions of this file that the main guard's body runs, directly or through others."""
    local_calls: tuple[LocalCall, ...] = ()
    """Calls on the way to a pool: in functions that hold or use one, in their callers, and at module level. In file order."""
    accesses: Mapping[int, tuple[Access, ...]] = field(default_factory=dict)
    """By scope id, in evaluation order. In functions on the way to a pool and at module level: what is done with the names that
    are handed to workers (functions, classes and modules left out), and with the globals that worker code changes. In functions
    that workers run: how they change what their parameters, self included, stand for."""
    names: frozenset[str] = field(default_factory=frozenset)
    """Every identifier that occurs in the file: a new name must not be one of them."""
    other_texts: Mapping[str, str] = field(default_factory=dict)
    """Path to text of the other files of the project that spans of these facts lie in."""

    def text_of(self, span: Span) -> str:
        """The text of the file that a span lies in."""
        return self.other_texts[span.path] if span.path else self.text

    def cut(self, span: Span) -> str:
        """The text of a span, from whichever file it lies in."""
        return self.text_of(span)[span.start : span.end]

    def reachable(self, *functions: int | None) -> tuple[Function, ...]:
        """The functions themselves and all of this file that they call, directly or through others, in id order."""
        seen: set[int] = set()
        todo = [identity for identity in functions if identity is not None]
        while todo:
            identity = todo.pop()
            if identity in seen or identity not in self.functions:
                continue
            seen.add(identity)
            todo.extend(self.functions[identity].calls)
        return tuple(self.functions[identity] for identity in sorted(seen))

    def operations(self) -> Iterator[tuple[PoolSite, Operation]]:
        """Every operation once, with the first of its sites."""
        for site in self.sites:
            for operation in site.operations:
                if operation.sites[0] == site.index:
                    yield site, operation


class Evidence(Struct, frozen=True):
    """The answer to one question of the tree: what answered it, and where."""

    answer: Answer
    because: str
    where: Span | None = None


def find_argument(arguments: tuple[Argument, ...], keyword: str, position: int | None) -> Argument | None:
    """The argument given by `keyword`, or the one at `position` where no star argument comes before it."""
    index = 0
    for argument in arguments:
        if argument.keyword == keyword:
            return argument
        if argument.keyword is None and not argument.star:
            if index == position:
                return argument
            index += 1
        elif argument.star == "*":
            position = None
    return None


def before(first: Point, second: Point) -> bool:
    """`first` is evaluated earlier than `second`, both in one scope. Loops are not unrolled."""
    return first.scope == second.scope and first.order < second.order


def inside(point: Point, block: Block) -> bool:
    """The point lies in the block, whichever arm."""
    return any(step.block.id == block.id for step in point.path) and point.scope == block.scope


def after_block(point: Point, block: Block) -> bool:
    """The point is evaluated after the block has ended, in the block's own scope."""
    return point.scope == block.scope and point.order > block.end


def dominates(first: Point, second: Point) -> bool:
    """`first` runs on every way to `second`: earlier, and under no condition that `second` is not under."""
    if not before(first, second):
        return False
    theirs = {(step.block.id, step.arm) for step in second.path}
    for step in first.path:
        if step.block.kind == "with" or step.block.kind == "class":
            continue
        if step.block.kind == "try" and step.arm in ("body", "finally"):
            continue
        if (step.block.id, step.arm) not in theirs:
            return False
    return True


def exclusive(first: Point, second: Point) -> bool:
    """The points lie in different arms of one if / match / try-else, so that one run takes only one of them."""
    arms = {step.block.id: step for step in first.path}
    for step in second.path:
        mine = arms.get(step.block.id)
        if mine is not None and mine.arm != step.arm and step.block.kind in ("if", "match"):
            return True
    return False


LOOPS = ("for", "while", "comprehension", "generator")


def innermost_loop(point: Point) -> Block | None:
    """The innermost loop or comprehension around the point in its own scope."""
    return next(
        (step.block for step in reversed(point.path) if step.block.kind in LOOPS and step.arm in ("body", "element")), None
    )

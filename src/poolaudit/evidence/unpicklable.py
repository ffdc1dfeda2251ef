"""Which objects cannot be pickled, by what made them.

Knows canonical names of constructors and what pickle says of what they make: measured on Python 3.8 to 3.14, and with releases of
2021 to 2023 and of 2026 of the libraries named. Must never know a rule, or where a value goes.
"""

from __future__ import annotations

from poolaudit.evidence.importable import TEACHING, may_be_importable
from poolaudit.facts import FileFacts, Value

_KINDS: dict[str, tuple[str, ...]] = {
    "an open file": (
        "builtins.open", "io.open", "codecs.open", "os.fdopen", "os.popen", "pathlib.Path().open", "gzip.open", "gzip.GzipFile",
        "bz2.open", "bz2.BZ2File", "lzma.open", "lzma.LZMAFile", "tempfile.TemporaryFile", "tempfile.NamedTemporaryFile",
        "urllib.request.urlopen", "h5py.File", "netCDF4.Dataset",
    ),
    "an open archive": ("zipfile.ZipFile", "tarfile.open"),
    "a memory map": ("mmap.mmap",),
    "a csv reader": ("csv.reader", "csv.DictReader"),
    "a csv writer": ("csv.writer", "csv.DictWriter"),
    "a generator": ("os.walk", "glob.iglob", "pathlib.Path().glob", "pathlib.Path().rglob"),
    "an iterator over a folder": ("os.scandir",),
    "an iterator over a document": ("xml.etree.ElementTree.iterparse",),
    "an iterator of match objects": ("re.finditer",),
    "a match object": ("re.match", "re.search", "re.fullmatch"),
    "a database connection": (
        "sqlite3.connect", "lmdb.open", "duckdb.connect", "redis.Redis", "redis.StrictRedis", "pymongo.MongoClient",
        "sqlalchemy.create_engine", "sqlalchemy.create_engine().connect",
    ),
    "a database cursor": ("sqlite3.connect().cursor", "sqlite3.connect().execute"),
    "a client of AWS": (
        "boto3.client", "boto3.resource", "boto3.Session", "boto3.session.Session", "boto3.Session().client",
        "boto3.Session().resource",
    ),
    "an HTTP client": (
        "httpx.Client", "httpx.AsyncClient", "openai.OpenAI", "openai.AsyncOpenAI", "openai.AzureOpenAI", "anthropic.Anthropic",
        "anthropic.AsyncAnthropic",
    ),
    "a gRPC channel": ("grpc.insecure_channel",),
    "a running process": ("subprocess.Popen",),
    "a Manager": ("multiprocessing.Manager",),
    "a thread": ("threading.Thread", "threading.Timer", "threading.current_thread"),
    "an event loop": ("asyncio.new_event_loop", "asyncio.get_event_loop", "asyncio.get_running_loop"),
    "a context variable": ("contextvars.ContextVar", "contextvars.copy_context"),
    "a logging handler": ("logging.StreamHandler", "logging.FileHandler", "logging.handlers.RotatingFileHandler"),
    "a hash object": ("hashlib.md5", "hashlib.sha1", "hashlib.sha256", "hashlib.sha512", "hashlib.new", "hmac.new"),
    "a compressor": ("zlib.compressobj", "zlib.decompressobj"),
    "an SSL context": ("ssl.create_default_context", "ssl.SSLContext"),
    "a selector": ("select.poll", "select.epoll", "selectors.DefaultSelector"),
    "a weak reference": (
        "weakref.ref", "weakref.WeakSet", "weakref.WeakValueDictionary", "weakref.WeakKeyDictionary",
    ),
    "a compiled Struct": ("struct.Struct",),
    "a read-only view of a dict": ("types.MappingProxyType",),
    "a memoryview": ("builtins.memoryview",),
    "a random generator of the system": ("random.SystemRandom",),
    "a JSON decoder": ("json.JSONDecoder",),
    "a cookie jar": ("http.cookiejar.CookieJar",),
    "a module": ("importlib.import_module",),
    "a frame": ("inspect.currentframe",),
    "a code object": ("builtins.compile",),
    "a C library": ("ctypes.CDLL", "ctypes.cdll.LoadLibrary"),
    "a mock": ("unittest.mock.Mock", "unittest.mock.MagicMock"),
}  # fmt: skip

_NAMED = {
    **{f"threading.{name}": f"a threading {name}" for name in ("Lock", "RLock", "Condition", "Event", "Semaphore", "Barrier")},
    "threading.BoundedSemaphore": "a threading Semaphore",
    "threading.local": "a threading local",
    "_thread.allocate_lock": "a threading Lock",
    **{f"queue.{name}": f"a queue.{name}" for name in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")},
}

_CALLS = _NAMED | {api: what for what, apis in _KINDS.items() for api in apis}

_OBJECTS = {
    "os.environ": "no plain dict",
    **{f"sys.{name}": "an open file" for name in ("stdin", "stdout", "stderr")},
}

_SHARED = frozenset({
    "Queue", "SimpleQueue", "JoinableQueue", "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event", "Condition", "Barrier",
    "Value", "Array", "RawValue", "RawArray", "Process",
})  # fmt: skip

_RESULTS = {
    "future": "a future",
    "async_result": "an AsyncResult",
    "iterator": "an iterator over results",
    "aio_future": "a future of asyncio",
}
_VIEWS = frozenset(
    f"{made}.{name}" for made in ("builtins.dict()", "collections.defaultdict()") for name in ("keys", "values", "items")
)
ITERTOOLS_SINCE = (3, 14)


def unpicklable(file: FileFacts, value: Value) -> str | None:
    """What the value is ('an open file') where pickling it certainly fails on every Python; None where it may work.

    Lambdas, functions, multiprocessing's own locks and queues, and objects of classes are left out.
    """
    what = _what(file, value)
    return None if what is None or pickling_is_taught(file) else what


def _what(file: FileFacts, value: Value) -> str | None:
    if value.kind == "generator":
        return "a generator"
    if value.kind == "api":
        return _OBJECTS.get(value.api or "")
    if value.kind != "call":
        return None
    return _CALLS.get(value.api or "") if value.function is None else _never_run(file, value.function)


def _never_run(file: FileFacts, called: int) -> str | None:
    """What calling the function gives without running it, if that is so."""
    function = file.functions.get(called)
    if function is None or function.decorators:
        return None
    if function.is_generator:
        return "an async generator" if function.is_async else "a generator"
    return "a coroutine" if function.is_async else None


def unpicklable_base(api: str | None) -> str | None:
    """'a thread' where every object of the class is one, by its base class."""
    return _CALLS.get(api or "") if api in ("threading.Thread", "threading.local") else None


def pickling_is_taught(file: FileFacts) -> bool:
    """The file imports what teaches pickle new types: nothing is certain then."""
    return any(found.api == module or found.api.startswith(f"{module}.") for found in file.imports for module in TEACHING)


def dict_view(value: Value) -> bool:
    """`d.keys()` and its like, which pickle takes only once somebody has imported multiprocessing.managers."""
    return value.kind == "call" and value.api in _VIEWS


def itertools_object(value: Value) -> str | None:
    """'an itertools.count', ..: from ITERTOOLS_SINCE on it cannot be pickled (https://docs.python.org/3.14/whatsnew/3.14.html)."""
    named = value.kind == "call" and value.function is None and (value.api or "").startswith("itertools.")
    return f"an {value.api}" if named else None


def shared_primitive(value: Value) -> str | None:
    """'a multiprocessing Lock', .. when the value is one of those that go to a worker only while it is started."""
    module, _, name = (value.api or "").rpartition(".")
    return f"a multiprocessing {name}" if value.kind == "call" and module == "multiprocessing" and name in _SHARED else None


def pool_or_result(file: FileFacts, value: Value) -> str | None:
    """'a process pool', 'a future', .. when the value is surely one of the standard library's."""
    if value.kind == "handle":
        return _RESULTS.get(value.handle) if value.certain else None
    if value.kind != "pool" or not value.certain or not all(file.sites[index].stdlib for index in value.pools):
        return None
    kinds = {file.sites[index].workers for index in value.pools}
    return {"process": "a process pool", "thread": "a thread pool"}.get(kinds.pop()) if len(kinds) == 1 else None


def local_code(file: FileFacts, identity: int | None, name: str) -> str | None:
    """'a lambda' or 'a local function', which pickle does not find by name. `name`: how it is written."""
    function = file.functions.get(identity) if identity is not None else None
    if function is None or function.decorators or may_be_importable(file, name if function.is_lambda else function.name):
        return None
    return "a lambda" if function.is_lambda else "a local function" if function.nested else None


def shortened(value: Value) -> str:
    """How the value is written, on one line, as a message quotes it."""
    text = " ".join(value.text.split())
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"

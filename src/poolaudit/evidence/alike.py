"""Names of module level that are alike in every process which imports the file: constants, and what is put together from them.

Knows Python's expressions through `ast`, and library calls that give the same in every process at next to no cost.
Must never know a rule, a start method or an edit.
"""

from __future__ import annotations

import ast
import builtins
import textwrap

from poolaudit.facts import MODULE_SCOPE, FileFacts, GlobalUse

_BUILTINS = frozenset(
    {"abs", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "hex",
     "int", "isinstance", "issubclass", "len", "list", "map", "max", "min", "object", "oct", "ord", "pow", "property", "range",
     "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "type", "zip"}
)  # fmt: skip
_CALLS = frozenset(
    {"logging.getLogger", "re.compile", "os.getenv", "os.environ.get", "os.cpu_count", "os.getcwd", "os.fspath",
     "sys.getrecursionlimit", "typing.TypeVar", "typing.NewType", "typing.NamedTuple", "typing.cast", "enum.Enum",
     "string.Template", "struct.Struct", "functools.partial", "decimal.Decimal", "fractions.Fraction",
     "importlib.util.find_spec", "shutil.which", "platform.system", "numpy.array", "numpy.asarray", "numpy.zeros", "numpy.ones",
     "numpy.arange", "numpy.linspace", "numpy.eye", "numpy.dtype", "numpy.float32", "numpy.float64", "numpy.int64", "numpy.sqrt",
     "numpy.log", "numpy.deg2rad", "numpy.finfo"}
)  # fmt: skip
_LOGGERS = ("getLogger", "get_logger")
"""Whoever defines them: each process has a logger of that name."""
_MODULES = (
    "math.",
    "operator.",
    "itertools.",
    "os.path.",
    "pathlib.",
    "collections.",
    "types.",
    "datetime.timedelta",
    "threading.",
)
"""Modules whose functions give the same in every process. A lock of threads is new in each, and was of no use to others."""
_METHODS = frozenset(
    {"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "replace", "split", "rsplit", "splitlines", "join",
     "format", "encode", "decode", "startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "zfill",
     "count", "index", "resolve", "absolute", "expanduser", "joinpath", "with_name", "with_suffix", "as_posix", "relative_to",
     "exists", "is_file", "is_dir", "keys", "values", "items", "get", "copy", "union", "intersection", "difference", "update",
     "append", "extend", "add", "insert", "setdefault", "sort", "reshape", "astype"}
)  # fmt: skip
"""Methods of texts, paths and containers."""


def alike(name: str, file: FileFacts) -> bool:
    """Whatever importing the file does to a name of module level, it does the same in every process."""
    return _Names(file).name(name, frozenset())


class _Names:
    """Names of one file, each judged once on a way: a name that is defined by itself adds nothing."""

    def __init__(self, file: FileFacts) -> None:
        self._file = file
        self._imports = {each.name: each.api for each in file.imports}

    def name(self, name: str, way: frozenset[str]) -> bool:
        if name in way:
            return True
        uses = [use for use in self._file.globals.get(name, ()) if use.function == MODULE_SCOPE and not _below_another_guard(use)]
        return all(self._use(use, way | {name}) for use in uses)

    def _use(self, use: GlobalUse, way: frozenset[str]) -> bool:
        if use.binding in ("import", "function", "class"):
            return True
        if use.point is None:
            return False
        module = use.name.rpartition(".")[0] if use.span.path else ""
        return _Expression(self, module, way).statement(self._file.cut(use.point.statement.span))

    def read(self, name: str, module: str, way: frozenset[str]) -> bool:
        """A name that an expression of module level reads; `module`: another file's, as facts name it."""
        known = f"{module}.{name}" if module else name
        if known in self._file.globals:
            return self.name(known, way)
        return name in self._imports or bool(module) or hasattr(builtins, name) or name in ("__name__", "__file__")

    def called(self, node: ast.expr, module: str) -> str:
        """The dotted name of what is called, resolved through this file's imports."""
        dotted = ast.unparse(node)
        first, dot, rest = dotted.partition(".")
        if not module and first in self._imports:
            return f"{self._imports[first]}{dot}{rest}"
        return dotted


def _below_another_guard(use: GlobalUse) -> bool:
    return use.under_guard and bool(use.span.path)


def _parsed(text: str) -> ast.stmt | None:
    """A statement; None for what is none by itself, such as the header of a loop, or newer than this Python."""
    try:
        body = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError):
        return None
    return body[0] if len(body) == 1 else None


class _Expression:
    """One statement of module level, or the header of a loop."""

    def __init__(self, names: _Names, module: str, way: frozenset[str]) -> None:
        self._names = names
        self._module = module
        self._way = way

    def statement(self, text: str) -> bool:
        """An assignment, a call for its effect, or what a loop runs over, of which every part is alike."""
        node = _parsed(text) or _parsed(f"{text} pass")
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)):
            return node.value is None or self._alike(node.value, frozenset())
        if isinstance(node, ast.For):
            return self._alike(node.iter, frozenset())
        return isinstance(node, ast.Delete)

    def _alike(self, node: ast.AST, local: frozenset[str]) -> bool:
        if isinstance(node, ast.Name):
            return node.id in local or self._names.read(node.id, self._module, self._way)
        if isinstance(node, ast.Call):
            arguments = (*node.args, *(keyword.value for keyword in node.keywords))
            return self._is_plain(node.func, local) and all(self._alike(argument, local) for argument in arguments)
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        if isinstance(node, ast.Lambda):
            return True
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            local |= {name.id for each in node.generators for name in ast.walk(each.target) if isinstance(name, ast.Name)}
        return all(self._alike(child, local) for child in ast.iter_child_nodes(node))

    def _is_plain(self, callee: ast.expr, local: frozenset[str]) -> bool:
        """What is called gives the same in every process."""
        if isinstance(callee, ast.Attribute) and callee.attr in _METHODS and self._alike(callee.value, local):
            return True
        called = self._names.called(callee, self._module).removeprefix("builtins.")
        is_logger = called.rpartition(".")[2] in _LOGGERS
        return called in _BUILTINS or called in _CALLS or called.startswith(_MODULES) or is_logger

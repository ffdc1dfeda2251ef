"""How large a value is when it is pickled, as far as the program says.

Knows what makes arrays, bytes and lists of a written size, and what loads tables and models. Must never know a rule or a pool.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable

from poolaudit.evidence.expressions import parse
from poolaudit.facts import FileFacts, Value

_BYTES = frozenset({"builtins.bytes", "builtins.bytearray"})
_SHAPED = frozenset(f"numpy.{name}" for name in ("zeros", "ones", "empty", "full", "random.random", "random.random_sample"))
"""The first argument, or shape= or size=, is the shape."""

_DIMENSIONS = frozenset({"numpy.random.rand", "numpy.random.randn"})
_SIZED = frozenset(f"numpy.random.{name}" for name in ("normal", "uniform", "randint", "standard_normal", "choice"))
_LISTS = frozenset({"builtins.list", "builtins.tuple", "builtins.set", "builtins.sorted"})
_LARGEST = 10**12

_LOADERS = frozenset({
    "numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "torch.load", "joblib.load", "scipy.io.loadmat",
    "scipy.sparse.load_npz", "spacy.load", "geopandas.read_file", "cv2.imread", "soundfile.read", "librosa.load",
    "tensorflow.keras.models.load_model", "keras.models.load_model", "sentence_transformers.SentenceTransformer",
})  # fmt: skip
_READERS = ("pandas.read_", "polars.read_", "anndata.read_", "scanpy.read", "dask.dataframe.read_")


def pickled_size(value: Value, file: FileFacts) -> int | None:
    """At least so many bytes, by the numbers that the program holds; None where it holds none."""
    node = _written(value, file)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and value.kind == "unknown":
        return _repeated(node)
    if value.kind == "comprehension" or (value.kind == "call" and value.api in _LISTS):
        return 2 * value.length if value.length is not None else None  # a small int is pickled in 2 bytes
    if value.kind != "call" or value.api is None:
        return None
    if value.api in _BYTES:
        return _number_of(value.items[0], file) if value.items else None
    count = _elements(value, node if isinstance(node, ast.Call) else None, file)
    return None if count is None else count * (8 if isinstance(node, ast.Call) and _is_float(value.api, node) else 1)


def is_loaded(value: Value) -> bool:
    """A table, an array or a model that is read from a file: large as a rule."""
    api = value.api or ""
    return value.kind == "call" and (api in _LOADERS or api.startswith(_READERS) or api.endswith(".from_pretrained"))


def _written(value: Value, file: FileFacts) -> ast.expr | None:
    """The expression that makes the value, where its place is known."""
    if value.origin is None and not value.literal:
        return None
    return parse(value.text if value.origin is None else file.cut(value.origin))


def _elements(value: Value, call: ast.Call | None, file: FileFacts) -> int | None:
    """How many elements an array of numpy has."""
    if value.api in _DIMENSIONS:
        return _product(_number_of(item, file) for item in value.items)
    if value.api == "numpy.arange":
        return _number_of(value.items[0], file) if len(value.items) == 1 else None
    if value.api in _SHAPED and value.items:
        shape = value.items[0]
        return _product(_number_of(item, file) for item in (shape.items if shape.kind in ("tuple", "list") else (shape,)))
    if value.api not in _SHAPED | _SIZED or call is None:
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    named = given.get("shape") or given.get("size")
    return _product(map(_number, named.elts if isinstance(named, ast.Tuple | ast.List) else [named])) if named else None


def _is_float(api: str, call: ast.Call) -> bool:
    """Nothing says that the elements are smaller than 8 bytes."""
    typed = any(keyword.arg == "dtype" for keyword in call.keywords)
    return (
        not typed
        and not (api.endswith((".zeros", ".ones", ".empty")) and len(call.args) > 1)
        and not api.endswith((".full", ".choice"))
    )


def _repeated(node: ast.BinOp) -> int | None:
    """`[0] * 1000000`, `"x" * 10**7`."""
    for what, count in ((node.left, node.right), (node.right, node.left)):
        if isinstance(what, ast.List) or (isinstance(what, ast.Constant) and isinstance(what.value, str | bytes)):
            return _number(count)
    return None


def _product(dimensions: Iterable[int | None]) -> int | None:
    numbers = list(dimensions)
    known = [number for number in numbers if number is not None]
    return math.prod(known) if known and len(known) == len(numbers) else None


def _number_of(value: Value, file: FileFacts) -> int | None:
    if value.kind == "const":
        return value.const if type(value.const) is int else None
    node = _written(value, file)
    return _number(node) if node is not None else None


def _number(node: ast.expr) -> int | None:
    """A number that is written down, by itself or as a product, a power or int(1e6)."""
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Call(func=ast.Name(id="int"), args=[ast.Constant(value=float(number))]):
            return int(number)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Pow() | ast.LShift() as operator, right=right):
            first, second = _number(left), _number(right)
            if first is None or second is None or not 0 <= first <= _LARGEST or not 0 <= second <= _LARGEST:
                return None
            if isinstance(operator, ast.Mult):
                return first * second
            if second > 40:
                return None
            return first**second if isinstance(operator, ast.Pow) else first << second
    return None

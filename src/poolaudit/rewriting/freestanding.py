"""The text of one function, cut out of its file: whether it stands alone, what it takes from around it, how it is re-indented.

Knows Python's grammar as ast, symtable and tokenize state it. Must never know a file's facts, a pool, an edit or libcst.
"""

from __future__ import annotations

import ast
import io
import re
import symtable
import tokenize
import warnings
from collections.abc import Iterator

STRING_STARTS = ("FSTRING_START", "TSTRING_START")
STRING_ENDS = ("FSTRING_END", "TSTRING_END")


class Refused(Exception):
    """The function cannot be moved without a change of meaning. The message says why, as a sentence about 'it'."""


def parsed(source: str) -> ast.stmt:
    """The only statement of `source`. Raises Refused when it is not one statement that is valid by itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (statement,) = ast.parse(source).body
            symtable.symtable(source, "<function>", "exec")  # finds a nonlocal without its function
    except (SyntaxError, ValueError) as error:
        raise Refused(f"its text does not stand alone ({error})") from None
    return statement


def free_names(node: ast.FunctionDef | ast.Lambda) -> list[str]:
    """The names that the body takes from around the function, in order of appearance."""
    table = symtable.symtable(ast.unparse(_bare(node)), "<function>", "exec")
    (scope,) = (child for child in table.get_children() if isinstance(child, symtable.Function))
    outside = _globals_of(scope)
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    seen = [each.id for each in sorted(names, key=lambda each: (each.lineno, each.col_offset))]
    return [*dict.fromkeys(name for name in seen if name in outside), *sorted(outside - set(seen))]


def outer_names(node: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """The names that are read where the function stands: in its defaults and annotations."""
    arguments = node.args
    returns = node.returns if isinstance(node, ast.FunctionDef) else None
    outside = [*_defaults(node), *(each.annotation for each in _every(arguments)), returns]
    return frozenset(name.id for each in outside if each for name in ast.walk(each) if isinstance(name, ast.Name))


def has_plain_defaults(node: ast.FunctionDef | ast.Lambda) -> bool:
    """Its defaults are constants or names: nothing is made when the function is defined."""
    plain = (ast.Constant, ast.Name, ast.Tuple, ast.UnaryOp, ast.unaryop, ast.expr_context)
    return all(isinstance(each, plain) for default in _defaults(node) for each in ast.walk(default))


def with_keywords(parameters: str, arguments: ast.arguments, names: tuple[str, ...]) -> str:
    """The text of a parameter list with keyword-only parameters added. Raises Refused."""
    text = parameters.strip()
    if not names:
        return text
    if "#" in text:
        raise Refused("its parameters hold a comment")
    lead, _, trail = parameters.partition(text) if text else ("", "", "")
    added = ", ".join(names)
    if not arguments.vararg and not arguments.kwonlyargs:
        added = f"*, {added}"
    if arguments.kwarg:
        start = [found.start() for found in re.finditer(rf"\*\*\s*{arguments.kwarg.arg}\b", text)][-1]
        return f"{lead}{text[:start]}{added}, {text[start:]}{trail}"
    head = text.removesuffix(",").rstrip()
    return f"{lead}{head}, {added}{text[len(head) :]}{trail}" if head else added


def bindings(function: ast.AST, name: str) -> int:
    """How often anything in the text of `function` binds or deletes `name`, nested functions included."""
    return sum(_binds(node, name) for node in ast.walk(function))


def is_alone(outer: ast.AST, name: str) -> bool:
    """The def of that name is the only statement of a block in `outer`."""
    blocks = (getattr(node, field, ()) for node in ast.walk(outer) for field in ("body", "orelse", "finalbody"))
    alone = (block[0] for block in blocks if isinstance(block, list) and len(block) == 1)
    return any(isinstance(statement, ast.FunctionDef) and statement.name == name for statement in alone)


def dedented(text: str, indent: str) -> str:
    """`text`, whose first line may start without its indentation, with `indent` taken off each line.

    Lines that begin inside a string stay as they are, unless it is the docstring. Raises Refused.
    """
    kept = set(_lines_in_strings(text, indent))
    lines = text.split("\n")
    return "\n".join(line if number in kept else line.removeprefix(indent) for number, line in enumerate(lines))


def _lines_in_strings(text: str, indent: str) -> Iterator[int]:
    """Indexes of the lines that begin inside a string which is not the docstring."""
    shift = 1 if indent else 0  # what is indented needs a block around it
    source = "if 1:\n" * shift + indent + text.lstrip(" \t")
    opened: list[int] = []
    indents, last = 0, tokenize.NEWLINE
    try:
        for token in tokenize.generate_tokens(io.StringIO(source, newline="").readline):
            name = tokenize.tok_name[token.type]
            if name in STRING_STARTS:
                opened.append(token.start[0])
            elif name in STRING_ENDS:
                yield from range(opened.pop() - shift, token.end[0] - shift)
            elif name == "STRING" and not (last == tokenize.INDENT and indents == 1 + shift):
                yield from range(token.start[0] - shift, token.end[0] - shift)
            if name not in ("NL", "COMMENT"):
                last = token.type
                indents += last == tokenize.INDENT
    except (tokenize.TokenError, SyntaxError) as error:
        raise Refused(f"its text does not stand alone ({error})") from None


def _every(arguments: ast.arguments) -> list[ast.arg]:
    stars = (arguments.vararg, arguments.kwarg)
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *(each for each in stars if each)]


def _defaults(node: ast.FunctionDef | ast.Lambda) -> list[ast.expr]:
    return [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]


def _bare(node: ast.FunctionDef | ast.Lambda) -> ast.stmt:
    """A copy without annotations, with constant defaults: what they read is not read by the body."""
    copy = ast.parse(ast.unparse(node)).body[0]
    function = copy.value if isinstance(copy, ast.Expr) else copy
    assert isinstance(function, (ast.FunctionDef, ast.Lambda))
    function.args.defaults = [ast.Constant(None) for _ in function.args.defaults]
    function.args.kw_defaults = [each and ast.Constant(None) for each in function.args.kw_defaults]
    for each in _every(function.args):
        each.annotation = None
    if isinstance(function, ast.FunctionDef):
        function.returns = None
    return copy


def _globals_of(table: symtable.SymbolTable) -> set[str]:
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return found.union(*map(_globals_of, table.get_children()))


def _binds(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Name(id=found, ctx=ast.Store() | ast.Del()) | ast.arg(arg=found) | ast.ExceptHandler(name=found):
            return found == name
        case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found) | ast.ClassDef(name=found):
            return found == name
        case ast.MatchAs(name=found) | ast.MatchStar(name=found) | ast.MatchMapping(rest=found):
            return found == name
        case ast.alias(name=found, asname=renamed):
            return (renamed or found.partition(".")[0]) == name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return name in names
    return False

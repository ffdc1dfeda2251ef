"""Places: spans by statement equal spans by a pass over the whole module, and cut out what they say."""

from __future__ import annotations

import ast
import sys
import textwrap

import libcst as cst
import pytest

from poolaudit.survey import ir
from poolaudit.survey.places import Atlas
from poolaudit.survey.read_statements import read

PROGRAMS = {
    "nested": """\
        @decorate(1)
        def f(a, *, b=g(2)):
            if h(a):
                return (k)(
                    a,  # why
                    b = m ( a ) ,
                )
            elif n(a):
                x = [p(i) for i in q(a)]
            else:
                with r(a) as s, t(b):
                    u(s)
        """,
    "try": """\
        try:
            a(1)
        except (b(2), C) as error:
            c(3)
        else:
            d(4)
        finally:
            e(5)
        """,
    "one line": "if a(1): b(2); c(3)\nfor x in d(4): e(5)\nwhile f(6): g(7)\n",
    "unicode": 's = "äöü€😀"; é = f("😀", g(1))\nclass K(h(2), metaclass=i(3)):\n    x = "😀" + j(4)\n',
    "match": """\
        match a(1):
            case B(x) if c(x):
                d(2)
            case _:
                e(3)
        """,
    "strings": 'x = f"{a(1)!r:>{b(2)}}" + """\n  text\n""" + c(3)\n',
    "lambda": "f = (lambda x, y=g(1): h(x)(y))\nprint((yield_(2)))\n",
    "form feed": "a(1)\n\x0c\ndef f():\n\x0c    return b(2)\n",
    "continuation": "x = a(1) + \\\n    b(2)\nassert c(3), d(4)\n",
    "async": "async def f():\n    async with a(1) as b:\n        async for c in d(2):\n            await e(3)\n",
    "tabs": "if a(1):\n\tif b(2):\n\t\tc(\n\t\t3)\n",
}
NEWLINES = ["\n", "\r\n"]


def _read(text: str, *, with_ast: bool) -> tuple[ir.Trace, Atlas]:
    trace = read("program.py", text, cst.parse_module(text), ast.parse(text) if with_ast else None)
    assert isinstance(trace.places, Atlas)
    return trace, trace.places


@pytest.mark.parametrize("newline", NEWLINES, ids=["LF", "CRLF"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_both_ways_agree_and_names_are_names(name: str, newline: str) -> None:
    text = textwrap.dedent(PROGRAMS[name]).replace("\n", newline)
    trace, places = _read(text, with_ast=True)
    other, other_places = _read(text, with_ast=False)
    assert len(trace.nodes) == len(other.nodes)
    calls = 0
    for number, node in enumerate(trace.nodes):
        if not places.spelled(number):
            continue
        span = places.node(number)
        if isinstance(node, (ir.Call, ir.Reference, ir.Attribute)):
            assert span == other_places.node(number)
        if isinstance(node, ir.Reference):
            assert text[span.start : span.end].strip("()") == node.name
        if isinstance(node, ir.Call):
            calls += 1
            inside = places.argument_list(number)
            assert text[inside.start - 1] == "("
            assert text[inside.end] == ")"
    assert calls == len([node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)])


def test_blocks_and_handlers() -> None:
    text = textwrap.dedent(PROGRAMS["try"])
    trace, places = _read(text, with_ast=True)
    (block,) = trace.blocks
    whole, header, body = places.block(block.place)
    assert text[whole.start : whole.end] == text.rstrip("\n")
    assert text[header.start : header.end] == "try:"
    assert text[body.start : body.end] == "a(1)"
    (handler,) = block.handlers
    head, types, handler_body = places.handler(handler.place)
    assert text[head.start : head.end] == "except (b(2), C) as error:"
    assert types is not None
    assert text[types.start : types.end] == "(b(2), C)"
    assert text[handler_body.start : handler_body.end] == "c(3)"


def test_functions_with_decorators() -> None:
    text = textwrap.dedent(PROGRAMS["nested"])
    trace, places = _read(text, with_ast=True)
    whole, name, parameters, body = places.function(trace.functions[1].place)
    assert text[whole.start :].startswith("@decorate")
    assert whole.end == len(text) - 1
    assert name is not None
    assert text[name.start : name.end] == "f"
    assert text[parameters.start : parameters.end] == "a, *, b=g(2)"
    assert text[body.start :].startswith("if h(a)")


def test_keywords_and_stars() -> None:
    text = "f(a, *b, key = c(1), **d)\n"
    trace, places = _read(text, with_ast=True)
    call = next(n for n, node in enumerate(trace.nodes) if isinstance(node, ir.Call) and len(node.arguments) == 4)
    cut = [(text[s.start : s.end], k and text[k.start : k.end]) for s, k in (places.argument(call, i) for i in range(4))]
    assert cut == [("a", None), ("*b", None), ("key = c(1)", "key"), ("**d", None)]


def test_thousand_terms() -> None:
    # the engine raises the limit once for a run; libcst's own generator recurses on a sum
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        _check_thousand_terms()
    finally:
        sys.setrecursionlimit(limit)


def _check_thousand_terms() -> None:
    text = "x = " + " + ".join(f"f({n})" for n in range(1000)) + "\n"
    trace, places = _read(text, with_ast=True)
    calls = [number for number, node in enumerate(trace.nodes) if isinstance(node, ir.Call)]
    assert len(calls) == 1000
    assert text[places.node(calls[-1]).start :] == "f(999)\n"

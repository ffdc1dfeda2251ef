"""How a name is spelled in a file, and where an import goes that it needs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolaudit import edits, imports
from poolaudit.edits import ImportRequest
from poolaudit.facts import FileFacts
from poolaudit.imports import Refusal, Spelling


def facts(text: str) -> FileFacts:
    nothing: dict[str, Any] = {"sites": (), "functions": {}, "classes": {}, "globals": {}, "library_calls": (), "imports": ()}
    return FileFacts("a.py", text, **nothing, guard=None, is_script=False, in_package=False, start_method=None)


FUTURES = "concurrent.futures"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("from concurrent.futures import TimeoutError\n", "TimeoutError"),
        ("from concurrent.futures import TimeoutError as Late\n", "Late"),
        ("import concurrent.futures\n", "concurrent.futures.TimeoutError"),
        ("import concurrent.futures.thread\n", "concurrent.futures.TimeoutError"),
        ("import concurrent.futures as cf\n", "cf.TimeoutError"),
        ("from concurrent import futures\n", "futures.TimeoutError"),
        ("from concurrent import futures\nfrom concurrent.futures import TimeoutError as Late\n", "Late"),
        ("import concurrent\nimport concurrent.futures\n", "concurrent.futures.TimeoutError"),
        ("from concurrent import futures\ndef f():\n    from concurrent import futures\n", "futures.TimeoutError"),
    ],
)
def test_an_import_that_stands_is_used(text: str, spelled: str) -> None:
    assert imports.spell(facts(text), FUTURES, "TimeoutError") == Spelling(spelled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import concurrent\n",
        "import multiprocessing\n",
        "def f():\n    from concurrent import futures\n",
        "if flag:\n    from concurrent import futures\n",
        "try:\n    from concurrent import futures\nexcept ImportError:\n    pass\n",
        "from concurrent import futures\nfutures = []\n",
        "from concurrent import futures\ndef f(futures): ...\n",
        "from concurrent import futures\nfor futures in x: ...\n",
        "from concurrent import futures\ndef f():\n    global futures\n",
        "from .concurrent.futures import TimeoutError as T\n",
        "x.TimeoutError\n",
        "f(TimeoutError=1)\n",
    ],
)
def test_without_one_the_name_is_requested(text: str) -> None:
    request = ImportRequest(FUTURES, "TimeoutError")
    assert imports.spell(facts(text), FUTURES, "TimeoutError") == Spelling("TimeoutError", (request,))


@pytest.mark.parametrize(
    "text",
    [
        "except_ = TimeoutError\n",
        "from asyncio import TimeoutError\n",
        "class TimeoutError(Exception): ...\n",
        "def f(TimeoutError): ...\n",
        "try: ...\nexcept E as TimeoutError: ...\n",
        "from .concurrent.futures import TimeoutError\n",
        "match x:\n    case [*TimeoutError]: ...\n",
        "def f():\n    nonlocal_ = lambda TimeoutError: 0\n",
    ],
)
def test_a_name_that_means_something_else_is_reached_through_its_module(text: str) -> None:
    found = imports.spell(facts(text), FUTURES, "TimeoutError")
    assert found == Spelling("concurrent.futures.TimeoutError", (ImportRequest(FUTURES),))
    refused = imports.place(facts(text), [ImportRequest(FUTURES, "TimeoutError")])
    assert refused == Refusal("shadowed", "`TimeoutError` already means something else in this file")


def test_both_ways_barred() -> None:
    found = imports.spell(facts("TimeoutError = concurrent = 1\n"), FUTURES, "TimeoutError")
    assert found == Refusal("shadowed", "`TimeoutError` already means something else in this file")


def test_modules() -> None:
    assert imports.spell(facts("import multiprocessing as mp\n"), "multiprocessing") == Spelling("mp")
    assert imports.spell(facts("import os.path\n"), "os") == Spelling("os")
    assert imports.spell(facts(""), "os") == Spelling("os", (ImportRequest("os"),))
    assert imports.spell(facts("os = 1\n"), "os") == Refusal("shadowed", "`os` already means something else in this file")


def placed(text: str, *requests: ImportRequest) -> str:
    found = imports.place(facts(text), requests)
    assert not isinstance(found, Refusal)
    return edits.apply(text, [found]).text


PARTIAL = ImportRequest("functools", "partial")
NEW = "from functools import partial"
SHEBANG = "#!/usr/bin/python\n# licence\n\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{NEW}\n"),
        ("x = 1\n", f"{NEW}\n\nx = 1\n"),
        ("import os\n\nx = 1\n", f"import os\n{NEW}\n\nx = 1\n"),
        ("import os", f"import os\n{NEW}"),
        ('"""Doc."""\n\nx = 1\n', f'"""Doc."""\n\n{NEW}\n\nx = 1\n'),
        ('"""Doc."""\nx = 1\n', f'"""Doc."""\n\n{NEW}\n\nx = 1\n'),
        ('"""Doc."""', f'"""Doc."""\n\n{NEW}'),
        ("from __future__ import annotations\nx = 1\n", f"from __future__ import annotations\n{NEW}\nx = 1\n"),
        (f"{SHEBANG}@f\ndef g(): ...\n", f"{SHEBANG}{NEW}\n\n@f\ndef g(): ...\n"),
        ("import os; x = '''\n'''  # a\ny = 1\n", f"import os; x = '''\n'''  # a\n{NEW}\ny = 1\n"),
        ("import os  # why\r\n\r\nx = 1\r\n", f"import os  # why\r\n{NEW}\r\n\r\nx = 1\r\n"),
        ("from os import (\n    path,\n)\n", f"from os import (\n    path,\n)\n{NEW}\n"),
        ("import sys\nx = 1\nimport re\n", f"import sys\n{NEW}\nx = 1\nimport re\n"),
        ("__version__ = '1'\nimport os\n\nx = 1\n", f"__version__ = '1'\nimport os\n{NEW}\n\nx = 1\n"),
        ("from functools import wraps\n", "from functools import wraps, partial\n"),
        ("from functools import (\n    wraps,  # why\n)\n", "from functools import (\n    wraps, partial,  # why\n)\n"),
        (f"{NEW}\n", f"{NEW}\n"),
        ("from functools import *\n", f"from functools import *\n{NEW}\n"),
        (f"def f():\n    {NEW}\n", f"{NEW}\n\ndef f():\n    {NEW}\n"),
    ],
)
def test_where_an_import_goes(before: str, after: str) -> None:
    assert placed(before, PARTIAL) == after


def test_requests_are_merged() -> None:
    wanted = [
        PARTIAL,
        ImportRequest("os"),
        ImportRequest("functools", "cache"),
        PARTIAL,
        ImportRequest("a.b", "c"),
        ImportRequest("re"),
    ]
    assert placed("import re\nfrom a.b import d\n", *wanted) == (
        "import re\nimport os\nfrom functools import cache, partial\nfrom a.b import d, c\n"
    )


def test_a_module_and_a_name_of_it() -> None:
    assert placed("", ImportRequest("os"), ImportRequest("os", "path")) == "import os\nfrom os import path\n"


def test_two_requests_for_one_name_are_refused() -> None:
    wanted = [ImportRequest("asyncio", "TimeoutError"), ImportRequest(FUTURES, "TimeoutError")]
    assert isinstance(imports.place(facts(""), wanted), Refusal)


def test_what_python_cannot_parse_has_no_place() -> None:
    assert imports.place(facts("print 'x'\n"), [PARTIAL]) == imports.spell(facts("print 'x'\n"), "os")
    assert isinstance(imports.place(facts("print 'x'\n"), [PARTIAL]), Refusal)


STATEMENTS = st.lists(
    st.sampled_from(
        [
            '"""Doc."""',
            "# c",
            "",
            "import os",
            "from functools import (\n    wraps,\n)",
            "import a.b as c; x = 1",
            "x = 1",
            "@x\ndef f(): ...",
            "try:\n    import z\nexcept ImportError:\n    z = None",
            "from functools import wraps as w # c",
            "if x:\n    from functools import cache",
        ]
    ),
    max_size=6,
)


@settings(deadline=None)
@given(STATEMENTS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_the_name_is_in_reach_afterwards(statements: list[str], newline: str, ends: bool) -> None:
    text = newline.join(statements).replace("\r\n", "\n").replace("\n", newline) + (newline if ends else "")
    after = placed(text, PARTIAL, ImportRequest("textwrap"))
    compile(after, "a.py", "exec")
    assert imports.spell(facts(after), "functools", "partial") == Spelling("partial")
    assert imports.spell(facts(after), "textwrap") == Spelling("textwrap")
    assert placed(after, PARTIAL, ImportRequest("textwrap")) == after


def test_new_lines_join_the_standard_library_above_what_is_installed() -> None:
    assert placed("import numpy\nfrom app import x\n", ImportRequest("os")) == "import os\n\nimport numpy\nfrom app import x\n"
    text = "from __future__ import annotations\nimport numpy\n"
    assert placed(text, ImportRequest("os")) == "from __future__ import annotations\nimport os\nimport numpy\n"

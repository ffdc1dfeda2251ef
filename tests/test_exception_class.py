"""What is said of an exception class is what pickle does with it.

Knows classes as text and an object of each. Must never know a rule.
"""

from __future__ import annotations

import pickle
import sys
import types
from textwrap import dedent, indent

import pytest

from poolaudit.evidence.exception_class import rebuilding_fails
from poolaudit.facts import ClassFact, FileFacts
from poolaudit.survey import survey_file

HEAD = """
from concurrent.futures import ProcessPoolExecutor

class Kept(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)

class Narrow(Exception):
    def __init__(self, a, b):
        super().__init__(a)

class Open(Exception):
    def __init__(self, *args):
        super().__init__(*args)

class Silent(Exception):
    def __init__(self, a, b):
        self.a = a

"""

MAIN = """def main():
    with ProcessPoolExecutor(2) as executor:
        executor.submit(work, 1)
"""


def surveyed(body: str, made: str, base: str = "Exception") -> tuple[str, FileFacts, ClassFact]:
    """A program whose worker raises an object of `class E(base)`."""
    head = f"class E({base}):\n{indent(dedent(body).strip() or 'pass', '    ')}\n\n"
    tail = f"def work(n):\n    raise {made}\n\n{MAIN}"
    text = HEAD + head + tail
    file = survey_file("program.py", text)
    return text, file, next(each for each in file.classes.values() if each.name == "E")


def fails(file: FileFacts, owner: ClassFact) -> bool:
    (raised,) = (raised for function in file.functions.values() for raised in function.raises)
    return rebuilding_fails(file, owner, raised.arguments)


def survives(text: str, made: str) -> bool:
    module = types.ModuleType("program_of_exceptions")
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, "program.py", "exec"), module.__dict__)
        try:
            pickle.loads(pickle.dumps(eval(made, module.__dict__)))
        except TypeError:
            return False
        return True
    finally:
        del sys.modules[module.__name__]


CASES = [
    ("", "E('x')", "Exception"),
    ("", "E(1, 2)", "Kept"),
    ("", "E(1, 2)", "Narrow"),
    ("", "E(1, 2)", "Silent"),
    ("def __init__(self): super().__init__('not ready')", "E()", "Exception"),
    ("def __init__(self, a): super().__init__()", "E(1)", "Exception"),
    ("def __init__(self, a): super().__init__(f'{a}')", "E(1)", "Exception"),
    ("def __init__(self, a, b): super().__init__(f'{a}{b}')", "E(1, 2)", "RuntimeError"),
    ("def __init__(self, a, b): super().__init__(a, b)", "E(1, 2)", "ValueError"),
    ("def __init__(self, a, b=None): super().__init__(a)", "E(1, 2)", "KeyError"),
    ("def __init__(self, a): super().__init__(a, 2)", "E(1)", "Exception"),
    ("def __init__(self, a, *more): super().__init__(a, 2)", "E(1)", "Exception"),
    ("def __init__(self, *, a): super().__init__(a)", "E(a=1)", "Exception"),
    ("def __init__(self, a, *, b): super().__init__(a)", "E(1, b=1)", "Exception"),
    ("def __init__(self, a, *, b=1): super().__init__(a)", "E(1, b=1)", "Exception"),
    ("def __init__(self, a, b): Exception.__init__(self, a)", "E(1, 2)", "Exception"),
    ("def __init__(self, a, b): Exception.__init__(self, a, b)", "E(1, 2)", "Exception"),
    ("def __init__(self, a, b):\n    super(E, self).__init__(a)", "E(1, 2)", "Exception"),
    ("def __init__(self, a, b): self.a = a", "E(1, 2)", "Exception"),
    ("def __init__(self, a, b): self.a = a", "E(1, b=2)", "Exception"),
    ("def __init__(self, a, b): self.a = a", "E(*(1, 2))", "Exception"),
    ("def __init__(self, a, b=0): self.a = a", "E(1, b=2)", "Exception"),
    ("def __init__(self, a, b): self.a = a", "E(1, b=2)", "OSError"),
    ("def __init__(self, *, b): self.b = b", "E(b=2)", "Exception"),
    ("pass", "E(1, b=2)", "Silent"),
    ("def __init__(self, a, b): super().__init__(a=a, b=b)", "E(1, 2)", "Silent"),
    ("def __init__(self, a, b): super().__init__(*(a, b))", "E(1, 2)", "Exception"),
    ("def __init__(self, a, b):\n    super().__init__(a)\n    self.args = (a, b)", "E(1, 2)", "Exception"),
    ("def __init__(self, a, b):\n    super().__init__(a)\ndef __reduce__(self):\n    return E, (1, 2)", "E(1, 2)", "Exception"),
    ("def __init__(self, a, b):\n    super().__init__(a)\n__reduce__ = lambda self: (E, (1, 2))", "E(1, 2)", "Exception"),
    ("def __new__(cls, a=1, b=2):\n    return super().__new__(cls, a, b)", "E(1, 2)", "Exception"),
    ("def __init__(self, a): super().__init__(a, 2)", "E(1)", "Kept"),
    ("def __init__(self, a): super().__init__(a, 2)", "E(1)", "Narrow"),
    ("def __init__(self, a, b): super().__init__(a, b)", "E(1, 2)", "Narrow"),
    ("def __init__(self, a, b, c): super().__init__(a, b)", "E(1, 2, 3)", "Kept"),
    ("def __init__(self, a, b, c): super().__init__(a, b)", "E(1, 2, 3)", "Silent"),
    ("def __init__(self, a, b): super().__init__(a)", "E(1, 2)", "Open"),
    ("def __init__(self, host, port): super().__init__(f'{host}')", "E(1, 2)", "ConnectionError"),
    ("def __init__(self, a): super().__init__(5, a)", "E(1)", "OSError"),
    ("def __init__(self, a, b): super().__init__(5, a)", "E(1, 2)", "OSError"),
    ("def __init__(self, a): super().__init__(5, 'a', 'b')", "E(1)", "OSError: a path"),
    ("def __init__(self, code, text, path): super().__init__(code, text, path)", "E(1, 'a', 'b')", "OSError"),
    (
        "def __init__(self, a, b):\n    if a:\n        super().__init__(a)\n    else:\n        super().__init__(a, b)",
        "E(0, 2)",
        "Exception",
    ),
]

MISSED = {("E(1, 2)", "Open"), ("E(1)", "OSError: a path"), ("E(1, b=2)", "OSError")}
"""Arguments that go through stars are not followed, nor those of an OSError that keeps a file name or its own."""


@pytest.mark.parametrize(("body", "made", "base"), CASES)
def test_says_what_pickle_does(body: str, made: str, base: str) -> None:
    text, file, owner = surveyed(body, made, base.partition(":")[0])
    assert fails(file, owner) == (not survives(text, made) and (made, base) not in MISSED)


def test_two_bases_are_left_alone() -> None:
    _, file, owner = surveyed("def __init__(self, a, b): super().__init__(a)", "E(1, 2)", "Exception, Mixin")
    assert not fails(file, owner)

"""Runs a notebook as IPython does: cell by cell, in a `__main__` that has no file and no spec.

Knows the notebook's JSON. Must never know a start method, an outcome or a rule.

That it does to worker processes what a kernel does was checked by hand: ipykernel 7.4 on CPython 3.12, six notebooks (a task of
an executor and of a Pool, an initializer, an argument's class and its method, a task below a main guard, one from a module) under
fork, spawn and forkserver ended in the same 18 ways, with the same AttributeErrors in the workers.
"""

from __future__ import annotations

from pathlib import Path

_KERNEL = """\
import json, sys, types
main = sys.modules["__main__"] = types.ModuleType("__main__")
with open(sys.argv[1], encoding="utf-8") as file:
    cells = [cell for cell in json.load(file)["cells"] if cell["cell_type"] == "code"]
for number, cell in enumerate(cells, 1):
    exec(compile("".join(cell["source"]), f"<cell {number}>", "exec"), vars(main))
"""


def command(interpreter: Path, program: str) -> list[str]:
    """What runs the notebook `program` in the working folder. Cells of other languages, and magics, are not for it."""
    return [str(interpreter), "-c", _KERNEL, program]

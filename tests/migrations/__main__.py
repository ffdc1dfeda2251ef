"""`PYTHONPATH=tests python -m migrations map-basic --python 3.13`: runs pairs by hand and prints what their programs do.

Knows options and printing. Must never know how programs are run or compared.
"""

from __future__ import annotations

import os
from typing import cast

import click

from poolaudit.transcript import METHODS, Method
from proof.interpreters import find_interpreters
from proof.lanes import Lanes
from proof.transcript import render

from .comparing import Runs, apart, cells, record
from .pair import pairs


@click.command()
@click.argument("names", nargs=-1)
@click.option("--python", "numbers", multiple=True, metavar="3.X", help="Only these versions.")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), help="Only these start methods.")
@click.option("--program", "stems", multiple=True, type=click.Choice(["before", "after", "naive"]), help="Only this program.")
@click.option("--repeat", default=1, help="Runs each cell so often; a race shows as 'one of'.")
@click.option("--update", is_flag=True, help="Writes naive.txt, and after.txt where a pair is expected to differ.")
def main(
    names: tuple[str, ...],
    numbers: tuple[str, ...],
    methods: tuple[str, ...],
    stems: tuple[str, ...],
    repeat: int,
    update: bool,
) -> None:
    """Runs the programs of the pairs whose id contains one of NAMES (all without NAMES) and tells how many cells differ."""
    with Lanes(os.cpu_count() or 1) as lanes:
        runs = Runs(find_interpreters(), lanes, repeat)
        for pair in pairs():
            if names and not any(name in pair.id for name in names):
                continue
            programs = [path for path in (pair.before, pair.other) if path.is_file() and (not stems or path.stem in stems)]
            versions = [version for version in pair.versions if not numbers or f"{version[0]}.{version[1]}" in numbers]
            found = runs.seen(pair, cells(pair, versions, cast("tuple[Method, ...]", methods) or METHODS, programs))
            click.echo(f"{pair.id}: {len(apart(pair, found))} cells differ\n{render(found)}")
            if update and pair.recorded:
                record(pair, found)


if __name__ == "__main__":
    main()

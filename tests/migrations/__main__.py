"""`PYTHONPATH=tests python -m migrations map-basic --python 3.13`: runs pairs by hand and prints what their programs do.

Knows options and printing. Must never know how programs are run or compared.
"""

from __future__ import annotations

from typing import cast

import click

from proof.interpreters import find_interpreters
from proof.running import METHODS, Method
from proof.transcript import Cell, Outcomes, render

from .comparing import apart, record, run_pair
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
    """Runs the programs of the pairs whose id contains one of NAMES (all without NAMES) and says where they differ."""
    interpreters = find_interpreters()
    for pair in pairs():
        if names and not any(name in pair.id for name in names):
            continue
        programs = [path for path in (pair.before, pair.other) if path.is_file() and (not stems or path.stem in stems)]
        found: dict[Cell, Outcomes] = {}
        for version in pair.versions:
            if version in interpreters and (not numbers or f"{version[0]}.{version[1]}" in numbers):
                chosen = cast("tuple[Method, ...]", methods or METHODS)
                found |= run_pair(pair, version, interpreters[version], chosen, programs, repeat)
        click.echo(f"{pair.id}: {len(apart(pair, found))} cells differ\n{render(found)}")
        if update and pair.recorded:
            record(pair, found)


if __name__ == "__main__":
    main()

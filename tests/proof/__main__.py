"""`python -m tests.proof PA502 --method spawn`: runs cells of a fixture by hand and prints what they do.

Knows options and printing. Must never know how a program is run or compared.
"""

from __future__ import annotations

from typing import cast

import click

from .fixture import Version, find
from .interpreters import find_interpreters
from .matrix import PROGRAMS, observe, record, recorded, unexpected
from .running import METHODS, Method
from .transcript import Cell, Outcomes, render


@click.command()
@click.argument("fixtures", nargs=-1, required=True)
@click.option("--interpreter", "given", multiple=True, metavar="PATH", help="An interpreter that is not found by itself.")
@click.option("--python", "numbers", multiple=True, metavar="3.X", help="Only these versions.")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), help="Only these start methods.")
@click.option("--program", "programs", multiple=True, type=click.Choice(PROGRAMS), help="Only this program.")
@click.option("--repeat", default=1, help="Runs each cell so often; a race shows as 'one of'.")
@click.option("--update", is_flag=True, help="Writes what is seen into run.txt.")
def main(
    fixtures: tuple[str, ...],
    given: tuple[str, ...],
    numbers: tuple[str, ...],
    methods: tuple[str, ...],
    programs: tuple[str, ...],
    repeat: int,
    update: bool,
) -> None:
    """Runs the programs of FIXTURES (codes, names or folder names) and prints what they do, in the form of run.txt.

    Exit status 1 when something ends otherwise than run.txt says.
    """
    wanted: list[Version] = [(3, int(number.partition(".")[2])) for number in numbers]
    found = find_interpreters(given)
    strange = 0
    for name in fixtures:
        fixture = find(name)
        known = recorded(fixture)
        seen: dict[Cell, Outcomes] = {}
        for version in fixture.versions:
            if version in found and (not wanted or version in wanted):
                chosen = cast("tuple[Method, ...]", methods or METHODS)
                seen |= observe(fixture, version, found[version], chosen, programs or PROGRAMS, known, repeat)
        click.echo(f"{fixture.id}\n{render(seen)}")
        if update:
            record(fixture, seen)
        elif known:
            strange += len(unexpected(seen, known))
    if strange:
        click.echo(f"{strange} cells end otherwise than run.txt says", err=True)
        raise SystemExit(1)


if __name__ == "__main__":
    main()

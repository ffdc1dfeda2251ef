"""`python -m tests.proof PA502 --method spawn`: runs cells of a fixture by hand and prints what they do.

Knows options and printing. Must never know how a program is run or compared.
"""

from __future__ import annotations

import os
from typing import cast

import click

from poolaudit.transcript import METHODS, Method

from .fixture import find
from .interpreters import find_interpreters
from .lanes import Lanes
from .matrix import Proofs, cells, record, unexpected
from .transcript import render


@click.command()
@click.argument("fixtures", nargs=-1, required=True)
@click.option("--interpreter", "given", multiple=True, metavar="PATH", help="An interpreter that is not found by itself.")
@click.option("--python", "numbers", multiple=True, metavar="3.X", help="Only these versions.")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), help="Only these start methods.")
@click.option("--program", "programs", multiple=True, metavar="STEM", help="Only this program: bad, good.")
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
    strange = 0
    with Lanes(os.cpu_count() or 1) as lanes:
        proofs = Proofs(find_interpreters(given), lanes, repeat)
        for fixture in map(find, fixtures):
            versions = [version for version in fixture.versions if not numbers or f"{version[0]}.{version[1]}" in numbers]
            seen = proofs.seen(fixture, cells(fixture, versions, cast("tuple[Method, ...]", methods) or None, programs or None))
            click.echo(f"{fixture.id}\n{render(seen)}")
            if update:
                record(fixture, seen)
            elif proofs.known(fixture):
                strange += len(unexpected(seen, proofs.known(fixture)))
    if strange:
        click.echo(f"{strange} cells end otherwise than run.txt says", err=True)
        raise SystemExit(1)


if __name__ == "__main__":
    main()

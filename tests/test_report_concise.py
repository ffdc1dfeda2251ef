"""One line per finding, as editors and grep read them."""

from __future__ import annotations

import re

from poolaudit.report import concise
from sample import EMPTY, RUN

LINE = re.compile(r"(?P<path>[^:]+):(?P<line>\d+):(?P<column>\d+): (?P<code>PA\d{3}) (?P<name>\S+) \[(error|warning|info)\] \S.*")


def test_one_line_per_finding_and_problem() -> None:
    assert concise.render(RUN).splitlines() == [
        "legacy/old.py:2:7: PA001 [error] Python 2 print statement",
        "src/load.py:12:10: PA305 inherited-global [warning] worker `enrich` reads `CACHE`, which only the parent fills",
        "src/load.py:18:18: PA201 lambda-task [error] a lambda cannot be pickled",
    ]


def test_every_finding_matches_the_contract() -> None:
    assert [LINE.fullmatch(line) is not None for line in concise.render(RUN).splitlines()[1:]] == [True, True]


def test_nothing_to_say_is_nothing() -> None:
    assert concise.render(EMPTY) == ""

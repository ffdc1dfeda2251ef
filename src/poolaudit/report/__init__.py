"""What a run produced, as one value, and one pure function per format that turns it into text.

Knows the shape of a report. Must never know libcst, click, argv, a terminal's size or how findings were made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

# a run without pools must not pay for what it has none of
if TYPE_CHECKING:
    from poolaudit.edits import Edit, Fix
    from poolaudit.facts import FileFacts
    from poolaudit.migrate.plan import Plan
    from poolaudit.readiness import Ready
    from poolaudit.rule import Confidence, Finding, Severity
    from poolaudit.source import SourceFile
    from poolaudit.tree import Decision

Progress = Callable[[str, int, int], None]
"""Called before each candidate is surveyed: its name, how many are done, how many there are."""

NOT_WRITTEN = "not-written"
"""The code of a problem that says why a file was not written."""


class Problem(NamedTuple):
    """Something that could not be done: a file that cannot be read or parsed (PA001), a rule that crashed, a rejected rewrite.

    `path` '' for what belongs to no file. line and column from 1, 0 when unknown. `cell`: of a notebook, that `line` counts in.
    """

    code: str
    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    cell: int | None = None


class Reported(NamedTuple):
    """A finding with the identity of its rule, after severity, suppression and supersession are settled."""

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    finding: Finding
    site: int | None
    """Index of the site in its file; None for a rule that is asked per file."""
    edits: tuple[Edit, ...] = ()
    """The fix's edits with its import requests resolved; empty without a fix."""
    suppressed: bool = False
    """It is not shown: a comment says so, or the baseline records it."""
    baselined: bool = False
    """The baseline records it."""
    fix: Fix | None = None
    """The fix that is offered: the finding's, unless verification refused it."""


class FileReport(NamedTuple):
    """One file that was surveyed or could not be. `facts` None: unreadable, or dropped by the gate."""

    path: str
    facts: FileFacts | None
    decisions: tuple[Decision | None, ...] = ()
    """One per site; None for thread and interpreter pools."""
    readiness: tuple[Ready | None, ...] = ()
    """One per site: what Python 3.14's default start method does to it; None where the question makes no sense."""
    plans: tuple[Plan | None, ...] = ()
    """One per site, where the run asks for them: what moving it to the other API takes; None for what cannot be moved."""
    findings: tuple[Reported, ...] = ()
    problems: tuple[Problem, ...] = ()
    source: SourceFile | None = None
    """What the facts are of. A notebook's lines are counted within its cells."""


class Report(NamedTuple):
    """A whole run."""

    files: tuple[FileReport, ...]
    """Files with sites, findings or problems, in path order."""
    problems: tuple[Problem, ...]
    """What belongs to no file: an unreadable folder, a crashed rule."""
    targets: tuple[tuple[int, int], ...]
    files_scanned: int
    candidates: int
    seconds: float
    changed: tuple[str, ...] = ()
    """Paths that a fix has changed."""
    fixes_applied: int = 0
    baseline: str = ""
    """The file of recorded findings that were hidden."""

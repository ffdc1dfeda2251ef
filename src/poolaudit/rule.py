"""The shapes of a rule and of what it reports.

Knows which questions a rule may be asked and what a finding holds.
Must never know a concrete rule, the catalog, a syntax tree or how a finding is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct, field

from poolaudit.edits import Fix
from poolaudit.facts import FileFacts, PoolSite, Span
from poolaudit.settings import Settings

Severity = Literal["error", "warning", "info"]
"""error: the harm occurs on a supported target under its default start method. warning: only under another supported Python,
platform or start method, or when something goes wrong. info: slow, or advice."""

Confidence = Literal["certain", "likely"]


class Related(Struct, frozen=True):
    """A second place that explains a finding; its span may lie in another file of the project."""

    where: Span
    message: str


class Finding(Struct, frozen=True):
    """What a rule reports. `severity` None: the rule's own."""

    where: Span
    message: str
    label: str = ""
    """What the frame says under the primary span; empty: nothing."""
    severity: Severity | None = None
    confidence: Confidence | None = None
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    """Lines below the frame: where it fails, what to do when there is no fix."""
    fix: Fix | None = None


SiteCheck = Callable[[PoolSite, FileFacts, Settings], Iterator[Finding]]
FileCheck = Callable[[FileFacts, Settings], Iterator[Finding]]


class Rule(Struct, frozen=True):
    """One rule. `check` runs per site, `check_file` once per file with pools; rules about the run (PA0xx) have neither.

    A site rule sees only standard-library process pools unless `workers` names more ('thread', 'interpreter', 'third-party').
    """

    code: str
    name: str
    severity: Severity
    check: SiteCheck | None = None
    check_file: FileCheck | None = None
    default: bool = True
    confidence: Confidence = "certain"
    fix: Literal["safe", "unsafe", "sometimes", "none"] = "none"
    """The best applicability that its fixes reach; 'sometimes': safe in some cases, unsafe in others."""
    supersedes: tuple[str, ...] = ()
    """Codes whose findings on the same line this one replaces."""
    workers: frozenset[str] = field(default_factory=lambda: frozenset({"process"}))
    doc: str = ""
    """The module docstring: line 1 is the summary, then why it hurts, when it is fine, limitations."""

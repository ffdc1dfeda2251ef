"""What a migration of one pool would be: edits and caveats, or what is in the way.

Knows the pieces that mapped operations yield and what they add up to. Must never know a mapped operation, libcst
or a file on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from poolaudit.edits import Caveat, Edit, ImportRequest
from poolaudit.facts import Span

Direction = Literal["executor", "pool"]
Status = Literal["ready", "caveats", "blocked"]


class Blocker(Struct, frozen=True):
    """Why a pool cannot be migrated: the line in the way and the smallest edit that unlocks it."""

    name: str
    where: Span
    message: str
    unlock: str


class Definition(Struct, frozen=True):
    """A small function that the new code needs at module level, before `before`."""

    name: str
    text: str
    before: int


Piece: TypeAlias = "Edit | ImportRequest | Definition | Caveat | Blocker"


class Plan(Struct, frozen=True):
    """What becomes of one pool. `edits` are empty when it is blocked."""

    site: int
    """Index of the site in its file."""
    to: Direction
    blockers: tuple[Blocker, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    edits: tuple[Edit, ...] = ()
    imports: tuple[ImportRequest, ...] = ()
    forms: int = 0
    """Calls and handlers that would be rewritten: the effort at a glance."""

    @property
    def status(self) -> Status:
        return "blocked" if self.blockers else "caveats" if self.caveats else "ready"


_ENDS = frozenset({"pool-never-closed", "terminate-with-outstanding-work"})
_READS = frozenset(
    {"imap-next-timeout", "imap-resumed-after-exception", "early-exit-from-imap", "timeout-relies-on-terminate", "task-exits"}
)
_CONSEQUENCES = {
    "unretrieved-at-exit": _READS | _ENDS,
    "terminate-with-outstanding-work": _READS,
    "pool-exception-class-caught": frozenset({"timeout-handler-unresolved"}),
    "pool-escapes": frozenset({"private-attribute"}),
    "workers-start-later": frozenset({"pool-escapes", "executor-escapes", "pool-class-is-variable", "pool-subclassed"}),
    "pool-class-is-variable": frozenset({"pool-subclassed"}),
    "worker-may-die": frozenset({"broken-pool-handled"}),
    "callback-effect-read-early": frozenset({"done-callback-opaque"}),
    "future-exception-method": frozenset({"done-callback-opaque"}),
    "future-cancel": frozenset({"done-callback-opaque"}),
}
"""Blockers that only repeat what another one says."""


def add_up(site: int, to: Direction, pieces: Iterable[Piece], forms: int, text: str = "") -> Plan:
    """The plan that pieces make. Each blocker, caveat and definition counts once, in the order of the text."""
    blockers: dict[tuple[str, Span], Blocker] = {}
    caveats: dict[str, Caveat] = {}
    definitions: dict[str, Definition] = {}
    edits: list[Edit] = []
    imports: list[ImportRequest] = []
    for piece in pieces:
        match piece:
            case Blocker():
                blockers.setdefault((piece.name, piece.where), piece)
            case Caveat():
                caveats.setdefault(piece.name, piece)
            case Definition():
                first = definitions.setdefault(piece.name, piece)
                if piece.before < first.before:
                    definitions[piece.name] = piece
            case ImportRequest():
                imports.append(piece)
            case Edit():
                edits.append(piece)
    for name, causes in _CONSEQUENCES.items():
        if any(found in causes for found, _ in blockers):
            blockers = {key: each for key, each in blockers.items() if each.name != name}
    ordered = tuple(sorted(blockers.values(), key=lambda each: (each.where, each.name)))
    named = tuple(sorted(caveats.values(), key=lambda each: each.name))
    if ordered:
        return Plan(site, to, ordered, named, forms=forms)
    # whole lines stand before what else begins at their place, and else the order of the pieces holds
    defined = sorted((_above_comments(each, text) for each in definitions.values()), key=lambda each: each.before)
    places = [each.before for each in defined]
    new = (
        Edit(each.before, each.before, each.text if each.before in places[:index] else _set_apart(each, text))
        for index, each in enumerate(defined)
    )
    edits = [*new, *edits]
    by_place = sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))
    return Plan(site, to, (), named, tuple(by_place), tuple(dict.fromkeys(imports)), forms)


_COMMENTS = re.compile(r"(?:^#[^\r\n]*\r?\n)+\Z", re.MULTILINE)


def _above_comments(definition: Definition, text: str) -> Definition:
    """The comment right above a function belongs to it."""
    comments = _COMMENTS.search(text[: definition.before])
    return definition if comments is None else replace(definition, before=comments.start())


def _set_apart(definition: Definition, text: str) -> str:
    """The text of a definition below two empty lines."""
    end = "\r\n" if "\r\n" in text else "\n"
    before = text[: definition.before]
    missing = 3 - (len(before) - len(before.rstrip("\r\n"))) // len(end) if before.strip() else 0
    return end * max(missing, 0) + definition.text

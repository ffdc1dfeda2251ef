"""Blockers and caveats as text for people.

Knows the two tables and markdown. Must never know a plan or how a form is found.
"""

from __future__ import annotations

from poolaudit.migrate.blockers import BLOCKERS
from poolaudit.migrate.caveats import CAVEATS


def blockers_table() -> str:
    """Every blocker: why, and what unlocks it."""
    rows = (f"| `{name}` | {reason.why} | {reason.unlock} |" for name, reason in sorted(BLOCKERS.items()))
    return "\n".join(("| blocker | why | what unlocks it |", "|---|---|---|", *rows))


def caveats_table() -> str:
    """Every caveat: what changes."""
    rows = (f"| `{name}` | {message} |" for name, message in sorted(CAVEATS.items()))
    return "\n".join(("| caveat | what changes |", "|---|---|", *rows))


def named(name: str) -> str | None:
    """What a blocker or caveat means, in a few lines; None when there is none of that name."""
    if name in BLOCKERS:
        reason = BLOCKERS[name]
        return f"{name} (blocks a migration)\n\n{reason.why}\nWhat unlocks it: {reason.unlock}\n"
    if name in CAVEATS:
        return f"{name} (a caveat of a migration)\n\n{CAVEATS[name]}\n"
    return None

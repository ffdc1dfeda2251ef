"""A decision tree as a value: questions, branches, leaves, the walk with its trace.

Knows how a tree is asked, walked and drawn; knows pools only as the type PoolSite.
Must never know which API is better: that is decision.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poolaudit.facts import Evidence

Verdict = Literal["keep-executor", "use-executor", "keep-pool", "use-pool", "either", "leave", "undecided"]
Strength = Literal["must", "should", "may"]


@dataclass(frozen=True, slots=True)
class Traced:
    """One question that was asked, with its evidence."""

    question: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Decision:
    """The leaf that was reached and the way to it."""

    verdict: Verdict
    strength: Strength
    reason: str
    trace: tuple[Traced, ...]
    not_known: tuple[str, ...]
    would_flip: tuple[str, ...]
    not_taken: tuple[str, ...] = ()
    """The branches that were not taken, one sentence each: what the other answer would have led to."""

"""Every rule of poolaudit.rules, found by looking.

Knows all rules, that codes and names are unique, and what a selector means. Nobody below the engine imports it: rules and facts
must never know which rules there are.
"""

from __future__ import annotations

from functools import cache

from poolaudit.config import ConfigError
from poolaudit.rule import Rule


class UnknownRuleError(ConfigError):
    """A selector that means no rule. `guesses` are close codes and names, best first."""

    def __init__(self, selector: str, guesses: tuple[str, ...]) -> None:
        hint = f" (did you mean {guesses[0]}?)" if guesses else ""
        super().__init__(f"unknown rule {selector!r}{hint}")
        self.selector = selector
        self.guesses = guesses


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by code. Raises ValueError when two share a code or a name."""
    raise NotImplementedError


def find(code_or_name: str) -> Rule:
    """The one rule of that code or name. Raises UnknownRuleError."""
    raise NotImplementedError


def resolve(selector: str) -> frozenset[str]:
    """The codes that a code, name or prefix ('PA', 'PA5') means; letter case of codes does not matter. Raises UnknownRuleError."""
    raise NotImplementedError

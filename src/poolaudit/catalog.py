"""Every rule of poolaudit.rules, found by looking.

Knows all rules, that codes and names are unique, and what a selector means. Nobody below the engine imports it: rules and facts
must never know which rules there are.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache

import poolaudit.rules
from poolaudit.config import ConfigError
from poolaudit.rule import Rule

_CODE = re.compile(r"PA[0-9]{0,3}", re.IGNORECASE)


class UnknownRuleError(ConfigError):
    """A selector that means no rule. `guesses` are close codes and names, best first."""

    def __init__(self, selector: str) -> None:
        self.selector = selector
        self.guesses = _guesses(selector)
        hint = f" (did you mean {self.guesses[0]}?)" if self.guesses else ""
        super().__init__(f"unknown rule {selector!r}{hint}")


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by code. Raises ValueError when two share a code or a name."""
    return checked(tuple(sorted(_found(), key=lambda rule: rule.code)))


def checked(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules themselves. Raises ValueError when two share a code or a name, or a code or name is malformed."""
    seen: set[str] = set()
    for rule in rules:
        if not re.fullmatch(r"PA[0-9]{3}", rule.code) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name):
            raise ValueError(f"{rule.code} {rule.name}: a code is PA and three digits, a name is words joined by hyphens")
        for identity in (rule.code, rule.name):
            if identity in seen:
                raise ValueError(f"two rules are called {identity}")
            seen.add(identity)
    return rules


def _found() -> Iterator[Rule]:
    for module in pkgutil.walk_packages(poolaudit.rules.__path__, f"{poolaudit.rules.__name__}."):
        # the packages of topics have none; that every other module has one is a test
        rule = getattr(importlib.import_module(module.name), "RULE", None)
        if isinstance(rule, Rule):
            yield rule


def find(code_or_name: str) -> Rule:
    """The one rule of that code or name. Raises UnknownRuleError."""
    rule = _by_identity().get(code_or_name.upper()) or _by_identity().get(code_or_name.lower())
    if rule is None:
        raise UnknownRuleError(code_or_name)
    return rule


def resolve(selector: str) -> frozenset[str]:
    """The codes that a code, name or prefix ('PA', 'PA5') means, in any letter case. Raises UnknownRuleError."""
    if _CODE.fullmatch(selector):
        codes = frozenset(rule.code for rule in rules() if rule.code.startswith(selector.upper()))
        if codes:
            return codes
    return frozenset({find(selector).code})


@cache
def _by_identity() -> dict[str, Rule]:
    return {identity: rule for rule in rules() for identity in (rule.code, rule.name)}


def _guesses(wrong: str) -> tuple[str, ...]:
    known = list(_by_identity())
    return tuple(difflib.get_close_matches(wrong.upper(), known, 3) or difflib.get_close_matches(wrong.lower(), known, 3))

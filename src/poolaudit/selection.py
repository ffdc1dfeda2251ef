"""Which rules a run asks, and of which files.

Knows what select, extend-select, ignore and per-file-ignores mean together. Must never know a survey, a finding or the
command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from poolaudit.discover import Patterns, relative

if TYPE_CHECKING:
    from poolaudit.config import Config
    from poolaudit.rule import Rule


class Selection:
    """The rules of one configuration.

    The catalog is imported at the first question that needs it, because it imports every rule, which a tree without pools does
    not need. Raises ConfigError at once for a selector that means no rule.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._ignored = _codes(config.ignore)
        self._by_pattern = [(Patterns([pattern]), _codes(words)) for pattern, words in config.per_file_ignores.items()]
        self._selected = _codes(config.select)
        self._added = _codes(config.extend_select)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The selected rules, by code."""
        from poolaudit import catalog

        codes = self._selected or {rule.code for rule in catalog.rules() if rule.default}
        codes = (codes | self._added) - self._ignored
        return tuple(rule for rule in catalog.rules() if rule.code in codes)

    @cached_property
    def witnesses(self) -> tuple[Rule, ...]:
        """The rules that judge a rewrite: what is selected, and what is on by default."""
        from poolaudit import catalog

        return tuple(rule for rule in catalog.rules() if rule.default or rule in self.rules)

    def rules_for(self, path: str) -> tuple[Rule, ...]:
        """The selected rules that no pattern ignores for a file."""
        return tuple(rule for rule in self.rules if not self.ignores(rule.code, path))

    def ignores(self, code: str, path: str = "") -> bool:
        """`ignore`, or a pattern of per-file-ignores that fits `path`, names the rule."""
        if code in self._ignored:
            return True
        patterns = [patterns for patterns, codes in self._by_pattern if code in codes]
        return bool(path and patterns) and any(each.hold(relative(path, self._config.root)) for each in patterns)


def _codes(selectors: Iterable[str]) -> set[str]:
    if not (selectors := tuple(selectors)):
        return set()
    from poolaudit import catalog

    return set().union(*(catalog.resolve(selector) for selector in selectors))

"""Every rule is found, and every selector means what it says."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from poolaudit import catalog
from poolaudit.catalog import UnknownRuleError

RULES = catalog.rules()


def test_codes_names_and_topics() -> None:
    assert [rule.code for rule in RULES] == sorted(rule.code for rule in RULES)
    assert {"PA001", "PA002"} <= {rule.code for rule in RULES}
    assert all(rule.doc.strip() for rule in RULES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": "PA002"}, "two rules are called PA002"),
        ({"name": "unused-ignore"}, "called unused-ignore"),
        ({"code": "PA1"}, "PA1"),
    ],
)
def test_two_rules_cannot_share_an_identity(change: dict[str, str], message: str) -> None:
    first, second = RULES[:2]
    with pytest.raises(ValueError, match=message):
        catalog.checked((replace(first, **change), second))  # type: ignore[arg-type]


@pytest.mark.parametrize("selector", ["PA001", "pa001", "unreadable-file", "Unreadable-File"])
def test_code_or_name(selector: str) -> None:
    assert catalog.find(selector).code == "PA001"
    assert catalog.resolve(selector) == {"PA001"}


def test_prefixes_turn_on_everything_below() -> None:
    assert catalog.resolve("PA") == {rule.code for rule in RULES}
    assert catalog.resolve("PA0") == catalog.resolve("pa00") == {rule.code for rule in RULES if rule.code.startswith("PA0")}


@pytest.mark.parametrize(
    ("selector", "guess"),
    [("unreadable-fil", "unreadable-file"), ("UNUSED_IGNORE", "unused-ignore"), ("PA0002", "PA002")],
)
def test_unknown_rules_with_a_guess(selector: str, guess: str) -> None:
    with pytest.raises(UnknownRuleError) as caught:
        catalog.resolve(selector)
    assert caught.value.guesses[0] == guess
    assert str(caught.value) == f"unknown rule {selector!r} (did you mean {guess}?)"


@pytest.mark.parametrize("selector", ["", "W", "something-else-entirely"])
def test_unknown_rules_without_a_guess(selector: str) -> None:
    with pytest.raises(UnknownRuleError) as caught:
        catalog.resolve(selector)
    assert str(caught.value) == f"unknown rule {selector!r}"


def test_a_prefix_without_rules_is_unknown() -> None:
    with pytest.raises(UnknownRuleError, match="unknown rule 'PA9'"):
        catalog.resolve("PA9")


def test_superseded_rules_look_like_rules() -> None:
    """They may be rules to come, but a name or a typo would go unnoticed."""
    assert all(re.fullmatch(r"PA[0-9]{3}", code) and code != rule.code for rule in RULES for code in rule.supersedes)

"""A suppression gives no reason.

Why it hurts: whoever meets it later cannot tell a decision from a shortcut, and does not know when it may go.

When it is fine: where the team does not ask for reasons. The rule is opt-in.

Limitations: any words behind the brackets are a reason. noqa comments, which have no place for one, are not judged.
"""

from poolaudit.rule import Rule

RULE = Rule(code="PA003", name="ignore-without-reason", severity="info", default=False, doc=__doc__)

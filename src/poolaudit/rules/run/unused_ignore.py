"""A suppression suppresses nothing.

Why it hurts: an ignore that outlived its finding hides the next one on that line, and tells the reader of a danger that is
no longer there.

When it is fine: the finding occurs only under a target version or platform that this run does not look at.

Limitations: reported only in a full scan, where the paths cover the folder of the configuration, because a partial run
may not see what the finding needs. Suppressions of rules that are not selected, and noqa comments, are not judged.
"""

from poolaudit.rule import Rule

RULE = Rule(code="PA002", name="unused-ignore", severity="warning", doc=__doc__)

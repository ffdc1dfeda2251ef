"""The baseline records a finding that no longer occurs.

Why it hurts: a record that outlived its finding hides the next one in an equal statement, and keeps the baseline longer than it
need be. `poolaudit scan --write-baseline FILE` records what is left.

When it is fine: the finding occurs only under a target version or platform that this run does not look at.

Limitations: reported only in a full scan, where the paths cover the folder of the configuration. Records of rules that are not
selected, of files that cannot be parsed and of files outside that folder are not judged.
"""

from poolaudit.rule import Rule

RULE = Rule(code="PA004", name="stale-baseline", severity="warning", doc=__doc__)

"""A file cannot be read, decoded or parsed.

Why it hurts: what cannot be read is not audited, and a file that is skipped in silence looks clean. The run goes on with
the other files and ends with exit status 2.

When it is fine: a template or a file for another Python (Python 2 included). Exclude it, or ignore this rule for it with
per-file-ignores.

Limitations: only files that name a pool module are parsed at all. A broken file without one is not reported.
"""

from poolaudit.rule import Rule

RULE = Rule(code="PA001", name="unreadable-file", severity="error", doc=__doc__)

"""The code needs something that Pool cannot give and ProcessPoolExecutor can.

Why it hurts: each of these needs is met by home-made machinery, or not at all. A Pool call in a coroutine stops the event loop.
A task that starts processes fails, because Pool workers are daemonic. When a worker dies, Pool waits for ever for its result; an
executor raises BrokenProcessPool. A task that has not started can be cancelled only as a future.

When it is fine: where the machinery exists and works. Where Pool meets another need of the same pool, such as killing tasks that
run, and for a plain batch of work, the rule is silent. It is advice: it fails no build.

Limitations: only a need that is seen in the file counts. A timeout is none, both APIs have it. What a comment assumes about the
pool is weighed by poolaudit advise, not here.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.decision import decide_site
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.migrate.planning import outlook
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    decision = decide_site(site, file, settings)
    if decision is None or decision.verdict != "use-executor" or decision.strength == "may":
        return
    need = decision.trace[-1].evidence
    line = file.text.count("\n", 0, site.callee.start) + 1
    yield Finding(
        site.callee,
        f"ProcessPoolExecutor fits better: {need.because} (`poolaudit advise {file.path}:{line}` says more)",
        label=decision.reason,
        related=(Related(need.where, "the need"),) if need.where is not None else (),
        notes=outlook(site, file, settings, "executor"),
    )


RULE = Rule(code="PA101", name="executor-fits-better", severity="info", check=check, doc=__doc__)

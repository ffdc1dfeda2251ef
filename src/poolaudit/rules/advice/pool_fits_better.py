"""The code needs something that ProcessPoolExecutor cannot give and Pool can.

Why it hurts: Executor.map takes in all of its input before it returns, so that endless input never gets to the first result; imap
takes items as the workers go. An executor replaces its workers after some tasks from Python 3.11 only, and with more than one
task per worker it can hang before 3.14 (https://github.com/python/cpython/issues/115634); maxtasksperchild works everywhere.

When it is fine: where the executor also does what Pool cannot, such as futures and cancellation, the rule is silent. From Python
3.14 buffersize takes the input in lazily. It is advice: it fails no build.

Limitations: only endless input counts, not what is merely long. Recycling counts where the supported Pythons are declared.
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
    if decision is None or decision.verdict != "use-pool":
        return
    # the last question is whether Pool has a form for every operation; the need comes before it
    need = decision.trace[-2].evidence
    line = file.text.count("\n", 0, site.callee.start) + 1
    yield Finding(
        site.callee,
        f"Pool fits better: {need.because} (`poolaudit advise {file.path}:{line}` says more)",
        label=decision.reason,
        related=(Related(need.where, "the need"),) if need.where is not None else (),
        notes=outlook(site, file, settings, "pool"),
    )


RULE = Rule(code="PA102", name="pool-fits-better", severity="info", check=check, doc=__doc__)

"""A process pool is made the default executor of an event loop.

Why it hurts: from Python 3.11 on, set_default_executor raises TypeError, "executor must be ThreadPoolExecutor instance". Before,
it is deprecated, and what asyncio itself gives to the default executor, such as asyncio.to_thread, cannot be pickled.

When it is fine: never.

Limitations: there is no fix. Keep the pool, and give it to each loop.run_in_executor(pool, ..) in place of None. A loop that is
not seen to come from asyncio may be of another library: likely only.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.caught import caught
from poolaudit.facts import FileFacts, Point, PoolSite
from poolaudit.rule import Confidence, Finding, Related, Rule
from poolaudit.settings import Settings

_METHOD = "set_default_executor"
_REFUSED_SINCE = (3, 11)
"""https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.set_default_executor"""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    refused = settings.has(_REFUSED_SINCE)
    harm = "TypeError from Python 3.11 on" if refused else "it is deprecated, and asyncio.to_thread fails"
    for point, confidence in _given(site, file):
        if not caught(point, "builtins.TypeError"):
            yield Finding(
                point.span,
                f"asyncio takes no process pool as its default executor: {harm}",
                label="must be a ThreadPoolExecutor",
                severity="error" if refused else "warning",
                confidence=confidence,
                related=() if site.callee in point.span else (Related(site.callee, "the process pool"),),
                notes=("give it to each `run_in_executor` in place of None",),
            )


def _given(site: PoolSite, file: FileFacts) -> Iterator[tuple[Point, Confidence]]:
    """Where the pool, and nothing else, is made the default executor."""
    loops = {call.point.span for call in file.library_calls if call.api.startswith("asyncio.")}
    for use in site.uses:
        called = file.cut(use.name_span) if use.how == "pass" and use.name_span is not None else ""
        if called == _METHOD and use.certain and use.via == "direct" and not use.point.span.path:
            yield use.point, "certain" if use.point.span in loops else "likely"


RULE = Rule(code="PA606", name="process-default-executor", severity="error", check=check, doc=__doc__)

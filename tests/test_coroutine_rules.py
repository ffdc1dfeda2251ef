"""Forms of PA604, PA605, PA606 and PA514 that their fixtures have no room for.

Knows small programs and what is said of them. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import textwrap

import pytest

from poolaudit import catalog, edits, imports, judge
from poolaudit.report import Problem
from poolaudit.rule import Finding, Rule
from poolaudit.rules.coroutines.process_default_executor import RULE as DEFAULT
from poolaudit.rules.coroutines.unawaited_run_in_executor import RULE as UNAWAITED
from poolaudit.rules.coroutines.wait_for_leaves_task import RULE as LEAVES
from poolaudit.rules.results.foreign_handle_method import RULE as FOREIGN
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import asyncio
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import Pool


def work(item):
    return item


"""
ANY = Settings()
OLD = Settings(targets=((3, 9), (3, 10)), declared=True)


def findings(rule: Rule, text: str, settings: Settings = ANY) -> list[Finding]:
    facts = survey_file("program.py", text)
    assert rule.check is not None
    return [finding for site in facts.sites if site.is_process for finding in rule.check(site, facts, settings)]


def coroutine(body: str) -> str:
    """A program that runs `body` in a coroutine with a loop `loop` and an executor `executor`."""
    head = "async def main():\n    loop = asyncio.get_running_loop()\n    executor = ProcessPoolExecutor(2)\n"
    return f"{HEAD}{head}{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n\n\nasyncio.run(main())\n"


def fixed(rule: Rule, text: str) -> str:
    """The text after all fixes that are offered."""
    fixes = [finding.fix for finding in findings(rule, text) if finding.fix is not None]
    assert fixes
    facts = survey_file("program.py", text)
    assert all(imports.place(facts, fix.imports) == () for fix in fixes)
    patched = edits.apply(text, [fix.edits for fix in fixes]).text
    compile(patched, "program.py", "exec")
    return patched


SUBMIT = "loop.run_in_executor(executor, work, 1)"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (SUBMIT, 1),
        (f"future = {SUBMIT}", 1),
        (f"future = {SUBMIT}\nfuture.done()", 1),
        (f"future = {SUBMIT}\nfuture.cancel()", 1),
        (f"futures = [{SUBMIT} for _ in range(3)]", 1),
        (f"futures = []\nfor _ in range(3):\n    futures.append({SUBMIT})\nprint(len(futures))", 1),
        (f"for _ in range(3):\n    {SUBMIT}", 1),
        (f"await unknown(lambda: {SUBMIT})", 0),
        (f"await {SUBMIT}", 0),
        (f"future = {SUBMIT}\nawait asyncio.sleep(1)\nreturn await future", 0),
        (f"future = {SUBMIT}\nreturn future", 0),
        (f"future = {SUBMIT}\nfuture.add_done_callback(print)", 0),
        (f"{SUBMIT}.add_done_callback(print)", 0),
        (f"futures = [{SUBMIT} for _ in range(3)]\nawait asyncio.gather(*futures)", 0),
        (f"futures = [{SUBMIT} for _ in range(3)]\nfor future in futures:\n    await future", 0),
        (f"await asyncio.wait([{SUBMIT}])", 0),
        (f"asyncio.ensure_future({SUBMIT})", 0),
        (f"unknown({SUBMIT})", 0),
        ("loop.run_in_executor(executor, time.sleep, 1)", 0),
        ("loop.run_in_executor(None, work, 1)", 0),
        ("loop.run_in_executor(ThreadPoolExecutor(), work, 1)", 0),
    ],
)
def test_unawaited(body: str, count: int) -> None:
    assert len(findings(UNAWAITED, coroutine(body))) == count


def test_unawaited_in_a_plain_function() -> None:
    text = f"{HEAD}def start(loop):\n    executor = ProcessPoolExecutor()\n    {SUBMIT}\n"
    (finding,) = findings(UNAWAITED, text)
    assert finding.fix is None
    assert finding.notes == ("await it where the work must be done",)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (SUBMIT, f"await {SUBMIT}"),
        ("loop.run_in_executor(\n    executor,\n    work,\n    1,\n)", "await loop.run_in_executor("),
        (f"if executor:\n    {SUBMIT}", f"    await {SUBMIT}"),
    ],
)
def test_unawaited_is_awaited(body: str, expected: str) -> None:
    text = fixed(UNAWAITED, coroutine(body))
    assert expected in text
    assert findings(UNAWAITED, text) == []


def test_unawaited_in_a_loop_is_not_made_serial() -> None:
    (finding,) = findings(UNAWAITED, coroutine(f"for _ in range(3):\n    {SUBMIT}"))
    assert finding.fix is None
    assert finding.notes == ("keep the futures and await asyncio.gather(*futures)",)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (f"await asyncio.wait_for({SUBMIT}, 5)", 1),
        (f"await asyncio.wait_for({SUBMIT}, timeout=5)", 1),
        (f"await asyncio.wait_for(fut={SUBMIT}, timeout=5)", 1),
        (f"await asyncio.wait_for({SUBMIT}, limit)", 1),
        (f"future = {SUBMIT}\nawait asyncio.wait_for(future, 5)", 1),
        (f"await asyncio.wait_for(asyncio.gather({SUBMIT}, {SUBMIT}), 5)", 2),
        (f"async with asyncio.timeout(5):\n    await {SUBMIT}", 1),
        (f"async with asyncio.timeout_at(5):\n    await {SUBMIT}", 1),
        (f"try:\n    await asyncio.wait_for({SUBMIT}, 5)\nexcept asyncio.TimeoutError:\n    pass", 1),
        (f"await asyncio.wait_for({SUBMIT}, None)", 0),
        (f"async with asyncio.timeout(None):\n    await {SUBMIT}", 0),
        (f"await asyncio.wait_for(asyncio.shield({SUBMIT}), 5)", 0),
        (f"await asyncio.wait([{SUBMIT}], timeout=5)", 0),
        (f"future = {SUBMIT}\nasync with asyncio.timeout(5):\n    await asyncio.sleep(1)\nawait future", 0),
        (f"await asyncio.wait_for({SUBMIT}, 5)\nexecutor.kill_workers()", 0),
        (f"await asyncio.wait_for({SUBMIT}, 5)\nfor p in executor._processes.values():\n    p.kill()", 0),
        ("await asyncio.wait_for(loop.run_in_executor(None, work, 1), 5)", 0),
    ],
)
def test_waits_that_leave_a_task(body: str, count: int) -> None:
    found = findings(LEAVES, coroutine(body))
    assert len(found) == count
    assert all(finding.confidence is None for finding in found)


def test_a_pool_that_is_handed_on_may_be_killed() -> None:
    (finding,) = findings(LEAVES, coroutine(f"unknown(executor)\nawait asyncio.wait_for({SUBMIT}, 5)"))
    assert finding.confidence == "likely"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("loop.set_default_executor(executor)", "certain"),
        ("asyncio.get_event_loop().set_default_executor(ProcessPoolExecutor())", "certain"),
        ("loop.set_default_executor(executor=executor)", "certain"),
        ("unknown().set_default_executor(executor)", "likely"),
        ("loop.set_default_executor(executor if loop else ThreadPoolExecutor())", None),
        ("loop.set_default_executor(ThreadPoolExecutor())", None),
        ("loop.set_task_factory(executor)", None),
        ("try:\n    loop.set_default_executor(executor)\nexcept TypeError:\n    pass", None),
    ],
)
def test_default_executors(body: str, answer: str | None) -> None:
    found = findings(DEFAULT, coroutine(body))
    assert [finding.confidence for finding in found] == ([] if answer is None else [answer])


def test_a_default_executor_was_only_deprecated_before_3_11() -> None:
    text = coroutine("loop.set_default_executor(executor)")
    assert [finding.severity for finding in findings(DEFAULT, text)] == ["error"]
    assert [finding.severity for finding in findings(DEFAULT, text, OLD)] == ["warning"]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ("executor.submit(work, 1).get()", ["a Future has no `get`: AttributeError"]),
        ("future = executor.submit(work, 1)\nprint(future.ready(), future.successful())", ["`ready`", "`successful`"]),
        ("pool.apply_async(work, (1,)).result(timeout=3)", ["an AsyncResult has no `result`"]),
        ("handles = [pool.apply_async(work, (n,)) for n in range(3)]\nprint([h.done() for h in handles])", ["`done`"]),
        ("handle = pool.map_async(work, [1])\nhandle.cancel()", ["`cancel`"]),
        ("await executor.submit(work, 1)", ["cannot be awaited"]),
        ("await pool.apply_async(work, (1,))", ["cannot be awaited"]),
        ("await asyncio.gather(*[executor.submit(work, n) for n in range(3)])", ["cannot be given to asyncio.gather"]),
        ("await asyncio.wait_for(executor.submit(work, 1), 5)", ["cannot be given to asyncio.wait_for"]),
        ("await asyncio.wait_for(asyncio.wrap_future(executor.submit(work, 1)), 5)", []),
        ("await asyncio.gather(*[asyncio.wrap_future(executor.submit(work, n)) for n in range(3)])", []),
        ("handle = pool.apply_async(work, (1,)) if loop else executor.submit(work, 1)\nprint(handle.get())", []),
        ("handle = pool.apply_async(work, (1,))\nif hasattr(handle, 'done'):\n    handle.done()", []),
        ("print(executor.submit(work, 1).result().get())", []),
        ("await loop.run_in_executor(executor, work, 1)", []),
        ("asyncio.create_task(loop.run_in_executor(executor, work, 1))", ["create_task takes a coroutine"]),
        ("asyncio.create_task(executor.submit(work, 1))", ["create_task takes a coroutine"]),
        ("future = loop.run_in_executor(executor, work, 1)\nasyncio.create_task(future)", ["create_task takes a coroutine"]),
        ("loop.create_task(loop.run_in_executor(executor, work, 1))", ["create_task takes a coroutine"]),
        ("try:\n    asyncio.create_task(loop.run_in_executor(executor, work, 1))\nexcept TypeError:\n    pass", []),
        ("print(ThreadPoolExecutor().submit(work, 1).get())", []),
    ],
)
def test_handles_of_another_kind(body: str, messages: list[str]) -> None:
    found = findings(FOREIGN, coroutine(f"with Pool(2) as pool:\n{textwrap.indent(body, '    ')}"))
    assert len(found) == len(messages)
    assert all(part in finding.message for part, finding in zip(messages, found, strict=True))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("print(executor.submit(work, 1).get(timeout=3))", "executor.submit(work, 1).result(timeout=3)"),
        ("future = executor.submit(work, 1)\nwhile not future.ready():\n    pass", "while not future.done():"),
        ("print(pool.apply_async(work, (1,)).result())", "pool.apply_async(work, (1,)).get()"),
        ("return await executor.submit(work, 1)", "return await asyncio.wrap_future(executor.submit(work, 1))"),
        ("future = executor.submit(work, 1)\nprint((await future) + 1)", "print((await asyncio.wrap_future(future)) + 1)"),
        (f"await asyncio.create_task({SUBMIT})", f"await asyncio.ensure_future({SUBMIT})"),
    ],
)
def test_handles_are_asked_by_their_own_methods(body: str, expected: str) -> None:
    text = fixed(FOREIGN, coroutine(f"with Pool(2) as pool:\n{textwrap.indent(body, '    ')}"))
    assert expected in text
    assert findings(FOREIGN, text) == []


# What was measured before any rule was written.

BY_PARAMETER = """\
async def main(executor):
    loop = asyncio.get_running_loop()
    {body}
    return 0


if __name__ == "__main__":
    with ProcessPoolExecutor(max_workers=2) as executor:
        asyncio.run(main(executor))
"""

WITH_BLOCK = """\
async def main():
    with ProcessPoolExecutor(max_workers=2) as pool:
        executor, loop = pool, asyncio.get_event_loop()
        {body}


if __name__ == "__main__":
    asyncio.run(main())
"""

ATTRIBUTE = """\
class Service:
    def __init__(self):
        self.executor = ProcessPoolExecutor(max_workers=2)
        self.loop = asyncio.new_event_loop()

    async def run(self):
        executor, loop = self.executor, self.loop
        {body}


if __name__ == "__main__":
    service = Service()
    service.loop.run_until_complete(service.run())
"""

ROWS = [
    ("run-in-executor-not-awaited", "PA604", SUBMIT),
    ("waitfor-run-in-executor", "PA605", f"await asyncio.wait_for({SUBMIT}, timeout=0.2)"),
    ("set-default-executor-ppe", "PA606", "loop.set_default_executor(executor)"),
]


@pytest.mark.parametrize("shape", [BY_PARAMETER, WITH_BLOCK, ATTRIBUTE])
@pytest.mark.parametrize(("row", "code", "body"), ROWS)
def test_a_row_is_caught(row: str, code: str, body: str, shape: str) -> None:
    facts = survey_file("program.py", HEAD + shape.format(body=body))
    crashes: list[Problem] = []
    asked = judge.ask((catalog.find(code),), facts, ANY, crashes)
    assert crashes == []
    assert [each.code for each in asked] == [code]

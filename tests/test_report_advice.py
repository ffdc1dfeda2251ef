"""What `advise` says of a pool, in its three formats."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from poolaudit.readiness import Ready, Reason
from poolaudit.report import advice
from sample import BREAKS, KEEP, LOAD, RUN, TEXT

POOLS = advice.advised(RUN)


def line_with(needle: str) -> int:
    return TEXT[: TEXT.index(needle)].count("\n") + 1


def test_text_tells_question_answer_line_and_the_way_on() -> None:
    assert advice.text(POOLS[:1], width=104) == (
        "src/load.py:12: mp.Pool(8) in load_all()                                              keep Pool (should)\n"
        "  Is it awaited from asyncio?         no\n"
        "  Is lazy input needed?               yes      line 13: rows is a generator\n"
        "  Is running work killed on purpose?  unknown  the pool is handed to outside code\n"
        "  -> keep Pool: ProcessPoolExecutor.map would read all rows before the first result\n"
        "  open: Is running work killed on purpose? Not known: the pool is handed to outside code.\n"
        "    `# poolaudit: assume[kill]` or `# poolaudit: assume[no-kill]` would state it.\n"
        "  would flip: rows becoming a list\n"
        "  Python 3.14: breaks under its default start method: PA305\n"
        "  PA305 inherited-global [warning] line 12: worker `enrich` reads `CACHE`, which only the parent fills\n"
        "  next: poolaudit explain PA305\n"
        "        poolaudit scan --diff --unsafe-fixes src/load.py\n"
    )


@pytest.mark.parametrize("width", [80, 120])
def test_text_keeps_to_the_width(width: int) -> None:
    assert max(map(len, advice.text(POOLS, width=width).splitlines())) <= width


def test_branches_not_taken_are_told_when_verbose() -> None:
    sentence = "not taken: Is lazy input needed? If no: either, may (both do it)."
    assert sentence in advice.text(POOLS, verbose=True)
    assert sentence not in advice.text(POOLS)


def test_why_3_14_may_change_a_pool_where_no_rule_says_so() -> None:
    unseen = Reason("change", "not seen", "`f` is not seen", None)
    spawned = replace(unseen, state="break", because="it is spawned", methods=("spawn",))
    pools = advice.advised(RUN._replace(files=(LOAD._replace(readiness=(Ready((unseen, spawned)), Ready())),)))
    assert "  Python 3.14: may change under its default start method: `f` is not seen\n" in advice.text(pools)
    assert "\nPython 3.14: may change under its default start method: `f` is not seen.\n" in advice.markdown(pools)
    assert "  Python 3.14: unaffected\n" in advice.text(pools)


def test_a_pool_without_findings_leads_to_the_tree() -> None:
    quiet = advice.advised(RUN._replace(files=(LOAD._replace(findings=()),)))
    assert advice.text(quiet[:1]).endswith("  next: poolaudit explain --tree\n")


def test_thread_pools_are_not_advised() -> None:
    threads = LOAD._replace(decisions=(KEEP, None), readiness=(BREAKS, None))
    assert [each.line for each in advice.advised(RUN._replace(files=(threads,)))] == [12]


@pytest.mark.parametrize(
    ("needle", "found"),
    [("with mp.Pool(8)", [12]), ("pool.map(enrich", [12]), ("executor = Process", [17]), ("executor.map(", [17])],
)
def test_a_line_means_the_pool_built_or_used_there(needle: str, found: list[int]) -> None:
    assert [each.line for each in advice.at_line(POOLS, "src/load.py", line_with(needle))] == found


def test_a_line_without_a_pool_names_those_that_are_there() -> None:
    with pytest.raises(advice.NoPoolError, match=r"no process pool at src/load\.py:1 \(there are pools on line 12, 17\)"):
        advice.at_line(POOLS, "src/load.py", 1)
    with pytest.raises(advice.NoPoolError, match=r"no process pool at other\.py:1$"):
        advice.at_line((), "other.py", 1)


def test_markdown_is_one_table_per_pool() -> None:
    rendered = advice.markdown(POOLS)
    assert "### src/load.py:12: `mp.Pool(8) in load_all()`" in rendered
    assert "| Is lazy input needed? | yes | line 13: rows is a generator |" in rendered
    assert rendered.count("| question | answer | because |") == 2


def test_markdown_cells_hold_no_bars_or_tags() -> None:
    evil = replace(KEEP, reason="a | b <script>")
    rendered = advice.markdown(advice.advised(RUN._replace(files=(LOAD._replace(decisions=(evil, None)),))))
    assert "a \\| b &lt;script>" in rendered


def test_json_holds_the_decision_and_what_comes_next() -> None:
    record = json.loads(advice.json(POOLS))
    assert (record["schema_version"], record["tool"]["name"]) == (1, "poolaudit")
    pool = record["pools"][0]
    assert pool["decision"]["trace"][1] == {
        "question": "Is lazy input needed?",
        "answer": "yes",
        "because": "rows is a generator",
        "path": "src/load.py",
        "line": 13,
        "cell": None,
    }
    assert (pool["function"], pool["readiness"], pool["not_taken"]) == ("load_all", "break", list(KEEP.not_taken))
    (reason,) = pool["readiness_reasons"]
    assert (reason["state"], reason["code"], reason["methods"]) == ("break", "PA305", ["forkserver", "spawn"])
    assert pool["next"] == ["poolaudit explain PA305", "poolaudit scan --diff --unsafe-fixes src/load.py"]

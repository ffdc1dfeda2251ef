"""The machinery of a decision tree, on small trees.

Knows how a tree is walked, traced and drawn. Must never know THE TREE.
"""

from __future__ import annotations

from typing import cast

import pytest

from poolaudit.facts import Answer, Evidence, FileFacts, PoolSite
from poolaudit.settings import Settings
from poolaudit.suppression import Assumption
from poolaudit.tree import (
    ONWARD,
    WIDTH,
    Branch,
    Leaf,
    Note,
    Question,
    Row,
    Subject,
    Tree,
    as_data,
    branches,
    cascade,
    decide,
    draw,
    leaves,
    vocabulary,
)

POOL = Leaf("keep-pool", "must", "it can kill", ("A newer Python.",))
EXECUTOR = Leaf("use-executor", "should", "it can cancel")
EITHER = Leaf("either", "may", "both do")


class Answers:
    """Questions with given answers, and a record of what was asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def question(self, word: str, text: str = "") -> Question:
        def ask(subject: Subject) -> Evidence:
            self.asked.append(word)
            answer = self.answers.get(word, "no")
            return Evidence(answer, "the work is elsewhere" if answer == "unknown" else f"{word} is {answer}")

        return Question(word, text or f"Does it {word}?", ask)


def subject(*assumptions: Assumption) -> Subject:
    # the questions of these tests look at none of it
    return Subject(cast(PoolSite, None), cast(FileFacts, None), Settings(), assumptions)


def small(answers: Answers) -> Tree:
    """kill before cancel before either; unknown goes on."""
    return Tree(
        cascade(
            Row(answers.question("pickle"), yes=ONWARD, no=ONWARD, unknown=ONWARD),
            Row(answers.question("kill"), yes=POOL, no=ONWARD, unknown=ONWARD),
            Row(answers.question("cancel"), yes=EXECUTOR, no=ONWARD, unknown=ONWARD),
            otherwise=EITHER,
        )
    )


@pytest.mark.parametrize(
    ("answers", "verdict", "asked"),
    [
        ({}, "either", ["pickle", "kill", "cancel"]),
        ({"kill": "yes", "cancel": "yes"}, "keep-pool", ["pickle", "kill"]),
        ({"kill": "unknown", "cancel": "yes"}, "use-executor", ["pickle", "kill", "cancel"]),
        ({"pickle": "yes"}, "either", ["pickle", "kill", "cancel"]),
    ],
)
def test_the_first_need_that_is_seen_decides(answers: dict[str, Answer], verdict: str, asked: list[str]) -> None:
    given = Answers(**answers)
    decision = decide(small(given), subject())
    assert decision.verdict == verdict
    assert [traced.question for traced in decision.trace] == [f"Does it {word}?" for word in asked]


def test_no_question_is_asked_twice_even_for_the_branches_not_taken() -> None:
    given = Answers(kill="yes")
    decide(small(given), subject())
    assert sorted(given.asked) == ["cancel", "kill", "pickle"]


def test_branches_not_taken_tell_where_they_lead_all_else_equal() -> None:
    decision = decide(small(Answers(kill="yes", cancel="yes")), subject())
    assert decision.not_taken == ("Does it kill? If no: use-executor, should (it can cancel).",)
    assert decide(small(Answers()), subject()).not_taken == (
        "Does it kill? If yes: keep-pool, must (it can kill).",
        "Does it cancel? If yes: use-executor, should (it can cancel).",
    )


def test_what_would_flip_is_a_seen_need_gone_or_an_unknown_one_seen() -> None:
    assert decide(small(Answers(kill="yes")), subject()).would_flip == (
        "Does it kill? If no: either, may (both do).",
        "A newer Python.",
    )
    assert decide(small(Answers(kill="unknown")), subject()).would_flip == (
        "Does it kill? If yes: keep-pool, must (it can kill).",
    )
    assert decide(small(Answers()), subject()).would_flip == ()


def test_a_question_that_leads_nowhere_else_is_traced_and_flips_nothing() -> None:
    decision = decide(small(Answers(pickle="unknown")), subject())
    assert decision.trace[0].evidence.answer == "unknown"
    assert decision.would_flip == ()
    assert len(decision.not_known) == 1


def test_what_a_pool_is_cannot_flip() -> None:
    question = Answers(kill="yes").question("kill")
    tree = Tree(Branch(Question(question.word, question.text, question.ask, identity=True), yes=EITHER, no=POOL, unknown=POOL))
    decision = decide(tree, subject())
    assert (decision.would_flip, decision.not_taken) == ((), ())


def test_what_one_fact_leaves_open_is_one_sentence_with_the_comment_that_would_state_it() -> None:
    assert decide(small(Answers(kill="unknown", cancel="unknown")), subject()).not_known == (
        "Does it kill? Does it cancel? Not known: the work is elsewhere. "
        "`# poolaudit: assume[kill]` or `# poolaudit: assume[no-kill]` would state it (cancel alike).",
    )


@pytest.mark.parametrize(("word", "verdict", "answer"), [("kill", "keep-pool", "yes"), ("no-kill", "either", "no")])
def test_an_assumption_goes_before_the_facts(word: str, verdict: str, answer: Answer) -> None:
    given = Answers(kill="no" if answer == "yes" else "yes")
    decision = decide(small(given), subject(Assumption(word, 7, "measured", 3, 9)))
    assert decision.verdict == verdict
    evidence = decision.trace[1].evidence
    assert (evidence.answer, evidence.because) == (answer, "assumed: measured")
    assert evidence.where is not None
    assert (evidence.where.start, evidence.where.end) == (3, 9)
    assert "kill" not in given.asked


def test_the_vocabulary_has_both_answers_of_every_question() -> None:
    words = vocabulary(small(Answers()))
    assert sorted(words) == ["cancel", "kill", "no-cancel", "no-kill", "no-pickle", "pickle"]
    assert words["no-kill"][1] == "no"


def test_shared_branches_are_counted_once() -> None:
    tree = small(Answers())
    assert [branch.question.word for branch in branches(tree)] == ["pickle", "kill", "cancel"]
    assert leaves(tree) == (POOL, EXECUTOR, EITHER)


def drawn() -> Tree:
    given = Answers()
    inner = Branch(given.question("new", "Only new Pythons?"), yes=EXECUTOR, no=POOL, unknown=POOL)
    unseen = Leaf("undecided", "may", "not seen")
    return Tree(
        cascade(
            Row(given.question("pickle"), yes=ONWARD, no=ONWARD, unknown=ONWARD),
            Row(given.question("kill"), yes=inner, no=ONWARD, unknown=ONWARD),
            otherwise=Branch(given.question("used"), yes=EITHER, no=EITHER, unknown=unseen),
        ),
        (Note("Order", "both have it."),),
    )


def test_drawing() -> None:
    assert (
        draw(drawn())
        == """\
Does it pickle? [pickle]
▼ whatever the answer
Does it kill? [kill]
├─ yes
│  Only new Pythons? [new]
│  ├─ yes ─ USE-EXECUTOR (should): it can cancel
│  └─ no, unknown ─ KEEP-POOL (must): it can kill
▼ no, unknown
Does it used? [used]
├─ unknown ─ UNDECIDED (may): not seen
└─ yes, no ─ EITHER (may): both do

Not deciding, because both APIs do it or because it is not so:
  • Order: both have it.
"""
    )


def test_a_long_reason_is_wrapped() -> None:
    leaf = Leaf("either", "may", "word " * 60)
    tree = Tree(Branch(Answers().question("kill"), yes=leaf, no=EITHER, unknown=EITHER))
    lines = draw(tree).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[2].startswith("│     word")


def test_data_numbers_every_node_once_and_says_where_each_answer_leads() -> None:
    data = as_data(drawn())
    nodes = cast("list[dict[str, object]]", data["nodes"])
    assert data["root"] == 0
    assert [node.get("word", node.get("verdict")) for node in nodes] == [
        "pickle", "kill", "new", "use-executor", "keep-pool", "used", "either", "undecided",
    ]  # fmt: skip
    assert nodes[1]["leads_to"] == {"yes": 2, "no": 5, "unknown": 5}
    assert (nodes[4]["verdict"], nodes[4]["would_flip"]) == ("keep-pool", ["A newer Python."])
    assert data["notes"] == [{"topic": "Order", "measured": "both have it."}]

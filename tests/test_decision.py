"""THE TREE, on one small program per leaf and per answer.

Knows the programs of fixtures/decisions: what stands in NAME.txt is the decision on the pools of NAME.py. A first line
`# targets: >=3.11` declares the supported Pythons. Must never repeat what the tree says.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from poolaudit.decision import ASSUMPTIONS, TREE, decide_site
from poolaudit.facts import FileFacts
from poolaudit.settings import ALL_VERSIONS, Settings
from poolaudit.suppression import assumptions
from poolaudit.survey import survey_file
from poolaudit.tree import ANSWERS, Branch, Decision, Node, branches, draw, leaves
from proof.fixture import FIXTURES

PROGRAMS = sorted((FIXTURES / "decisions").glob("*.py"))


def settings_of(text: str) -> Settings:
    first = text.partition("\n")[0]
    if not first.startswith("# targets:"):
        return Settings()
    allowed = SpecifierSet(first.removeprefix("# targets:").strip())
    return Settings(tuple(version for version in ALL_VERSIONS if f"{version[0]}.{version[1]}" in allowed), declared=True)


@cache
def decided(program: Path) -> tuple[FileFacts, tuple[Decision | None, ...]]:
    text = program.read_text("utf-8")
    file = survey_file(program.name, text)
    stated = assumptions(text)
    return file, tuple(decide_site(site, file, settings_of(text), stated) for site in file.sites)


def told(file: FileFacts, decision: Decision | None) -> Iterator[str]:
    if decision is None:
        yield "  no decision"
        return
    yield f"  {decision.verdict} ({decision.strength}): {decision.reason}"
    for traced in decision.trace:
        where = traced.evidence.where
        line = f", line {file.text.count(chr(10), 0, where.start) + 1}" if where else ""
        yield f"    {traced.question} {traced.evidence.answer}: {traced.evidence.because}{line}"
    for title, sentences in (("not known", decision.not_known), ("would flip", decision.would_flip)):
        yield from (f"  {title}: {sentence}" for sentence in sentences)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_decisions(program: Path, updating: bool) -> None:
    file, decisions = decided(program)
    lines = []
    for site, decision in zip(file.sites, decisions, strict=True):
        lines += [f"{site.api}, line {file.text.count(chr(10), 0, site.callee.start) + 1}", *told(file, decision)]
    text = "".join(f"{line}\n" for line in lines)
    golden = program.with_suffix(".txt")
    if updating:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def everything() -> Iterator[Decision]:
    for program in PROGRAMS:
        yield from (decision for decision in decided(program)[1] if decision is not None)


def test_every_leaf_has_a_program() -> None:
    reached = {(decision.verdict, decision.strength, decision.reason) for decision in everything()}
    assert {(leaf.verdict, leaf.strength, leaf.reason) for leaf in leaves(TREE)} == reached


def test_leaves_differ() -> None:
    assert len({(leaf.verdict, leaf.strength, leaf.reason) for leaf in leaves(TREE)}) == len(leaves(TREE))


def test_every_answer_of_every_question_has_a_program() -> None:
    given = {(traced.question, traced.evidence.answer) for decision in everything() for traced in decision.trace}
    asked = {branch.question.text for branch in branches(TREE)}
    assert {(text, answer) for text in asked for answer in ANSWERS} == given


def test_no_question_comes_twice_on_a_path() -> None:
    seen: dict[int, frozenset[str]] = {}

    def below(node: Node) -> frozenset[str]:
        """The words of the questions that can come from here on."""
        if not isinstance(node, Branch):
            return frozenset()
        if id(node) not in seen:
            later = frozenset().union(*(below(node.to(answer)) for answer in ANSWERS))
            assert node.question.word not in later
            seen[id(node)] = later | {node.question.word}
        return seen[id(node)]

    assert len(below(TREE.root)) > 20


def test_each_question_has_one_word_and_each_word_one_question() -> None:
    questions = {branch.question for branch in branches(TREE)}
    assert len({question.word for question in questions}) == len({question.text for question in questions}) == len(questions)
    assert len(ASSUMPTIONS) == 2 * len(questions)


def test_musts_come_before_shoulds_and_shoulds_before_mays() -> None:
    """Down the spine of a cascade, a need that is seen leads to no weaker advice than a later one."""
    rank = {"must": 0, "should": 1, "may": 2}
    node: Node = TREE.root
    for answer in ("no", "no"):
        assert isinstance(node, Branch)
        node = node.to(answer)  # type: ignore[arg-type]
    strengths = []
    while isinstance(node, Branch):
        if isinstance(node.yes, type(leaves(TREE)[0])) and node.decides:
            strengths.append(rank[node.yes.strength])
        node = node.no
    assert strengths == sorted(strengths)


def test_drawing(updating: bool) -> None:
    golden = FIXTURES / "decisions" / "tree.txt"
    if updating:
        golden.write_text(draw(TREE), "utf-8")
    assert draw(TREE) == golden.read_text("utf-8")

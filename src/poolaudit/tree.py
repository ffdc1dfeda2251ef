"""A decision tree as a value: questions, branches, leaves, the walk with its trace, the drawing.

Knows how a tree is asked, walked and drawn; knows pools only as the type PoolSite.
Must never know which API is better: that is decision.py. Must never look at a fact itself: that is what a question's `ask` does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from poolaudit.facts import Answer, Evidence, FileFacts, PoolSite
    from poolaudit.readiness import Ready
    from poolaudit.settings import Settings
    from poolaudit.suppression import Assumption

Verdict = Literal["keep-executor", "use-executor", "keep-pool", "use-pool", "either", "leave", "undecided"]
Strength = Literal["must", "should", "may"]

ANSWERS: tuple[Answer, ...] = ("yes", "no", "unknown")


class Subject(Struct, frozen=True):
    """What the questions are asked of: one pool, its file, the supported Pythons, and what its author states about it."""

    site: PoolSite
    file: FileFacts
    settings: Settings
    assumptions: tuple[Assumption, ...] = ()
    ready: Ready | None = None
    """What a start method that is not fork does to the pool, where rules were asked, too."""


class Question(Struct, frozen=True):
    """`word` states the answer in a comment: assume[word] is yes, assume[no-word] is no."""

    word: str
    text: str
    ask: Callable[[Subject], Evidence]
    identity: bool = False
    """It asks what the pool is, not what its code needs: the other answer would be another program, so nothing is said of it."""


class Leaf(Struct, frozen=True):
    """Where a walk ends. `would_flip` holds sentences beyond those that follow from the questions on the way."""

    verdict: Verdict
    strength: Strength
    reason: str
    would_flip: tuple[str, ...] = ()


class Branch(Struct, frozen=True):
    """A question and where each of its answers leads. A question that only informs leads to one place with every answer."""

    question: Question
    yes: Node
    no: Node
    unknown: Node

    def to(self, answer: Answer) -> Node:
        return {"yes": self.yes, "no": self.no, "unknown": self.unknown}[answer]

    @property
    def decides(self) -> bool:
        return not (self.yes is self.no is self.unknown)


Node = Branch | Leaf


class Onward:
    """The type of ONWARD."""


ONWARD = Onward()
"""In a Row: the next row."""


class Row(Struct, frozen=True):
    """One question of a cascade: each answer ends the cascade or leads to the next row."""

    question: Question
    yes: Node | Onward
    no: Node | Onward
    unknown: Node | Onward


def cascade(*rows: Row, otherwise: Node) -> Node:
    """The rows as nested branches, first row first; who passes the last row arrives at `otherwise`."""
    node = otherwise
    for row in reversed(rows):
        following = node

        def place(target: Node | Onward, following: Node = following) -> Node:
            return following if isinstance(target, Onward) else target

        node = Branch(row.question, place(row.yes), place(row.no), place(row.unknown))
    return node


class Note(Struct, frozen=True):
    """Something that people decide by and this tree does not, with what was measured."""

    topic: str
    measured: str


class Tree(Struct, frozen=True):
    root: Node
    notes: tuple[Note, ...] = ()


class Traced(Struct, frozen=True):
    """One question that was asked, with its evidence."""

    question: str
    evidence: Evidence


class Decision(Struct, frozen=True):
    """The leaf that was reached and the way to it."""

    verdict: Verdict
    strength: Strength
    reason: str
    trace: tuple[Traced, ...]
    not_known: tuple[str, ...]
    would_flip: tuple[str, ...]
    not_taken: tuple[str, ...] = ()
    """The branches that were not taken, one sentence each: what the other answer would have led to."""


def vocabulary(tree: Tree) -> Mapping[str, tuple[Question, Answer]]:
    """Every word that assume[..] may hold, with the answer it states."""
    words: dict[str, tuple[Question, Answer]] = {}
    for branch in branches(tree):
        words[branch.question.word] = (branch.question, "yes")
        words[f"no-{branch.question.word}"] = (branch.question, "no")
    return words


def nodes(tree: Tree) -> tuple[Node, ...]:
    """Every node once, a branch before what it leads to."""
    seen: dict[int, Node] = {}
    todo = [tree.root]
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            if isinstance(node, Branch):
                todo.extend(node.to(answer) for answer in reversed(ANSWERS))
    return tuple(seen.values())


def branches(tree: Tree) -> tuple[Branch, ...]:
    return tuple(node for node in nodes(tree) if isinstance(node, Branch))


def leaves(tree: Tree) -> tuple[Leaf, ...]:
    return tuple(node for node in nodes(tree) if isinstance(node, Leaf))


class _Asked:
    """Each question is asked of one subject at most once; what the author states goes before what the facts say."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.evidence: dict[str, Evidence] = {}

    def __call__(self, question: Question) -> Evidence:
        if question.word not in self.evidence:
            self.evidence[question.word] = self._assumed(question) or question.ask(self.subject)
        return self.evidence[question.word]

    def _assumed(self, question: Question) -> Evidence | None:
        from poolaudit.facts import Evidence, Span  # a report names Decision without any facts being loaded

        stated: dict[str, Answer] = {question.word: "yes", f"no-{question.word}": "no"}
        for assumption in self.subject.assumptions:
            if assumption.word in stated:
                because = f"assumed: {assumption.reason}" if assumption.reason else "assumed"
                return Evidence(stated[assumption.word], because, Span(assumption.start, assumption.end))
        return None


def _walk(node: Node, asked: _Asked) -> tuple[list[Branch], Leaf]:
    way: list[Branch] = []
    while isinstance(node, Branch):
        way.append(node)
        node = node.to(asked(node.question).answer)
    return way, node


def decide(tree: Tree, subject: Subject) -> Decision:
    """Walks the tree for one pool. Whatever a question's `ask` raises passes through."""
    asked = _Asked(subject)
    way, leaf = _walk(tree.root, asked)
    would_flip: list[str] = []
    not_taken: list[str] = []
    for branch in way:
        if branch.question.identity:
            continue
        given = asked(branch.question).answer
        for answer, other in _elsewhere(branch, given, asked):
            sentence = f"{branch.question.text} If {answer}: {other.verdict}, {other.strength} ({other.reason})."
            not_taken.append(sentence)
            if given != "no" and other.verdict not in (leaf.verdict, "undecided"):
                would_flip.append(sentence)
    return Decision(
        leaf.verdict,
        leaf.strength,
        leaf.reason,
        tuple(Traced(branch.question.text, asked(branch.question)) for branch in way),
        tuple(_not_known(way, asked)),
        (*would_flip, *leaf.would_flip),
        tuple(not_taken),
    )


def _elsewhere(branch: Branch, given: Answer, asked: _Asked) -> Iterator[tuple[Answer, Leaf]]:
    """Where the other answers of a branch would have ended, all else equal."""
    taken = branch.to(given)
    for answer in ("yes", "no"):
        if branch.to(answer) is not taken:
            yield answer, _walk(branch.to(answer), asked)[1]


def _not_known(way: list[Branch], asked: _Asked) -> Iterator[str]:
    """One sentence per reason for not knowing: what stays open by it, and the comment that would state it."""
    open_by: dict[str, list[Question]] = {}
    for branch in way:
        evidence = asked(branch.question)
        if evidence.answer == "unknown":
            open_by.setdefault(evidence.because, []).append(branch.question)
    for because, questions in open_by.items():
        asks = " ".join(question.text for question in questions)
        words = " or ".join(f"`# poolaudit: assume[{prefix}{questions[0].word}]`" for prefix in ("", "no-"))
        more = f" ({', '.join(question.word for question in questions[1:])} alike)" if questions[1:] else ""
        yield f"{asks} Not known: {because}. {words} would state it{more}."


# --- the drawing

WIDTH = 100
"""Columns of the drawing, at most."""


def draw(tree: Tree) -> str:
    """The tree as text: the way on leads down, every other answer to the right. Ends with a newline."""
    lines = list(_draw(tree.root, WIDTH))
    if tree.notes:
        lines += ["", "Not deciding, because both APIs do it or because it is not so:"]
        for note in tree.notes:
            lines += _wrapped(f"{note.topic}: {note.measured}", WIDTH, "  • ", "    ")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _draw(node: Node, width: int) -> Iterator[str]:
    while isinstance(node, Branch):
        yield from _wrapped(f"{node.question.text} [{node.question.word}]", width, "", "  ")
        *aside, (label, following) = _grouped(node)
        for name, target in aside:
            if isinstance(target, Leaf):
                yield from _leaf(target, width, f"├─ {name} ─ ", "│     ")
            else:
                yield f"├─ {name}"
                yield from ("│  " + line for line in _draw(target, width - 3))
        if isinstance(following, Leaf):
            yield from _leaf(following, width, f"└─ {label} ─ ", "      ")
            return
        yield f"▼ {label}"
        node = following
    yield from _leaf(node, width, "", "  ")


def _grouped(branch: Branch) -> list[tuple[str, Node]]:
    """Answers that lead to one place are drawn as one; the way of 'no' comes last."""
    if not branch.decides:
        return [("whatever the answer", branch.no)]
    groups: dict[int, tuple[list[str], Node]] = {}
    for answer in ANSWERS:
        target = branch.to(answer)
        groups.setdefault(id(target), ([], target))[0].append(answer)
    onward = groups.pop(id(branch.no))
    return [(", ".join(names), target) for names, target in (*groups.values(), onward)]


def _leaf(leaf: Leaf, width: int, first: str, rest: str) -> list[str]:
    return _wrapped(f"{leaf.verdict.upper()} ({leaf.strength}): {leaf.reason}", width, first, rest)


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def as_data(tree: Tree) -> dict[str, object]:
    """The tree for machines: numbered nodes (0 is the root), because branches share what they lead to."""
    every = nodes(tree)
    number = {id(node): index for index, node in enumerate(every)}
    return {
        "root": number[id(tree.root)],
        "nodes": [_node_data(node, number) for node in every],
        "notes": [{"topic": note.topic, "measured": note.measured} for note in tree.notes],
    }


def _node_data(node: Node, number: Mapping[int, int]) -> dict[str, object]:
    if isinstance(node, Leaf):
        return {
            "kind": "leaf",
            "verdict": node.verdict,
            "strength": node.strength,
            "reason": node.reason,
            "would_flip": list(node.would_flip),
        }
    leads = {answer: number[id(node.to(answer))] for answer in ANSWERS}
    return {"kind": "question", "word": node.question.word, "text": node.question.text, "leads_to": leads}

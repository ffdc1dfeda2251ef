"""Pages that explain: one per rule, the list of all rules, the decision tree.

Knows the layout of a rule's docstring and of its fixture folder (programs that show the harm, and what running them gave).
Must never know how a rule decides, or print.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from poolaudit.report.diff import painted, unified
from poolaudit.report.terminal import Paint, wrapped
from poolaudit.rule import Rule

_INSTALLED = Path(__file__).parent / "_fixtures"
_CHECKOUT = Path(__file__).parents[2] / "fixtures"
FIXTURES = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""The programs that prove the rules: a wheel brings them along, a checkout has them beside src."""

_HEADING = re.compile(r"(Why it hurts|When it is fine|Limitations|Fix): *")
_TOPICS = {
    "0": "The run itself",
    "1": "The choice of API",
    "2": "What cannot cross to a worker",
    "3": "Start-up and start methods",
    "4": "Lifetime",
    "5": "Results",
    "6": "asyncio",
    "7": "Calls that do something else than they look like",
    "8": "Throughput",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What is said of one rule."""

    rule: Rule
    summary: str
    sections: tuple[tuple[str, str], ...]
    """Heading and text, paragraphs separated by an empty line, each paragraph on one line."""
    programs: str
    """bad to good as a unified diff with the whole of both; '' where nothing was proven by running."""
    transcript: str
    """What running both gave on each Python and start method; '' for rules that need none."""

    @property
    def facts(self) -> str:
        """Severity, default and fix in one line."""
        rule = self.rule
        parts: list[str] = [rule.severity]
        if rule.confidence == "likely":
            parts.append("likely (shown with --confidence likely)")
        parts.append("on by default" if rule.default else f"opt-in (--extend-select {rule.code})")
        parts.append(_FIX[rule.fix])
        if rule.supersedes:
            parts.append(f"replaces {', '.join(rule.supersedes)} on the same line")
        return ", ".join(parts)


_FIX = {"safe": "safe fix", "unsafe": "unsafe fix", "sometimes": "fix (safe in some cases)", "none": "no fix"}


def page(rule: Rule, fixtures: Path = FIXTURES) -> Page:
    """The page of one rule. Raises ValueError for a docstring without a summary line."""
    summary, sections = _sections(rule)
    folder = fixtures / f"{rule.code}-{rule.name}"
    transcript = folder / "run.txt"
    return Page(
        rule,
        summary,
        sections,
        _programs(folder),
        transcript.read_text("utf-8") if transcript.is_file() else "",
    )


def _sections(rule: Rule) -> tuple[str, tuple[tuple[str, str], ...]]:
    first, _, rest = rule.doc.strip().partition("\n")
    if not first:
        raise ValueError(f"{rule.code} has no docstring")
    sections: list[tuple[str, str]] = []
    for paragraph in re.split(r"\n\s*\n", textwrap.dedent(rest).strip()):
        text = " ".join(paragraph.split())
        if heading := _HEADING.match(text):
            sections.append((heading[1], _sentence(text[heading.end() :])))
        elif text and sections:
            sections[-1] = (sections[-1][0], f"{sections[-1][1]}\n\n{text}")
        elif text:
            sections.append(("", text))
    return first, tuple(sections)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _programs(folder: Path) -> str:
    """The difference between the bad and the good program, with every line of both."""
    bad, good = _program(folder, "bad"), _program(folder, "good")
    pairs = [(name, bad.get(name, ""), good.get(name, "")) for name in dict.fromkeys((*bad, *good))]
    return "".join(
        unified(before, after, name, name.replace("bad", "good", 1), whole=True) if before != after else _unchanged(name, before)
        for name, before, after in pairs
    )


def _unchanged(name: str, text: str) -> str:
    return f"--- {name}\n+++ {name.replace('bad', 'good', 1)}\n" + textwrap.indent(text, " ", lambda _: True)


def _program(folder: Path, stem: str) -> dict[str, str]:
    """What the transcript calls the file in the bad program -> its text. A program may be undecodable on purpose."""
    single = folder / f"{stem}.py"
    if single.is_file():
        return {"bad.py": single.read_text("utf-8", "replace")}
    several = folder / stem
    paths = sorted(several.rglob("*.py"))
    return {f"bad/{path.relative_to(several).as_posix()}": path.read_text("utf-8", "replace") for path in paths}


def render(rules: Iterable[Rule], output_format: str, *, color: bool = False, width: int = 100) -> str:
    """The pages of `rules` as 'text', 'markdown' or 'json' (a list)."""
    if output_format == "json":
        return encode([data(rule) for rule in rules])
    if output_format == "markdown":
        return "\n".join(markdown(rule) for rule in rules)
    line = "-" * width
    return f"\n{line}\n\n".join(text(rule, color=color, width=width) for rule in rules)


# --- one rule


def text(rule: Rule, *, color: bool = False, width: int = 100) -> str:
    """The page for a terminal."""
    return "".join(f"{line}\n" for line in _text(page(rule), Paint(color), width))


def _text(shown: Page, paint: Paint, width: int) -> Iterator[str]:
    title = f"{shown.rule.code} {shown.rule.name}"
    first, *more = wrapped(f"{title}: {shown.summary}", width, "", "  ")
    yield paint(title, "bold") + first[len(title) :]
    yield from more
    yield from wrapped(shown.facts, width, "", "  ")
    for heading, body in shown.sections:
        yield ""
        if heading:
            yield paint(heading, "bold")
        for number, paragraph in enumerate(body.split("\n\n")):
            if number:
                yield ""
            yield from wrapped(paragraph, width, "  ", "  ")
    if shown.programs:
        yield ""
        yield paint("The program that shows it, and its repair", "bold")
        yield from (f"  {line}".rstrip() for line in painted(shown.programs, color=paint.on).splitlines())
    if shown.transcript:
        yield ""
        yield paint("What running them gives", "bold")
        yield from (f"  {line}".rstrip() for line in shown.transcript.splitlines())
    yield ""
    how, what = _silence(shown.rule)
    yield f"{how}: {paint(what, 'green')}"


def markdown(rule: Rule) -> str:
    """The page for docs/rules."""
    return "".join(f"{line}\n" for line in _markdown(page(rule)))


def _markdown(shown: Page) -> Iterator[str]:
    yield f"# {shown.rule.code} {shown.rule.name}\n"
    yield f"{shown.summary}\n"
    yield f"*{shown.facts[:1].upper()}{shown.facts[1:]}.*"
    for heading, body in shown.sections:
        if heading:
            yield f"\n## {heading}"
        yield f"\n{body}"
    if shown.programs:
        yield f"\n## The program that shows it, and its repair\n\n```diff\n{shown.programs.rstrip()}\n```"
    if shown.transcript:
        yield f"\n## What running them gives\n\n```text\n{shown.transcript.rstrip()}\n```"
    how, what = _silence(shown.rule)
    yield f"\n{how}: `{what}`"


def _silence(rule: Rule) -> tuple[str, str]:
    """How to say that it is fine here: a comment, or the configuration where no line of code is the subject."""
    if rule.check is None and rule.check_file is None:
        return "To silence it for a file", f'per-file-ignores = {{"path/*.py" = ["{rule.code}"]}}'
    return "To keep a line as it is", f"# poolaudit: ignore[{rule.name}] the reason"


def data(rule: Rule) -> dict[str, object]:
    """The page for programs."""
    shown = page(rule)
    return {
        "code": rule.code,
        "name": rule.name,
        "summary": shown.summary,
        "severity": rule.severity,
        "confidence": rule.confidence,
        "default": rule.default,
        "fix": rule.fix,
        "supersedes": list(rule.supersedes),
        "sections": [{"heading": heading, "text": body} for heading, body in shown.sections],
        "programs": shown.programs,
        "transcript": shown.transcript,
    }


# --- all rules


def listing(rules: Iterable[Rule], output_format: str = "text", *, color: bool = False, width: int = 120) -> str:
    """The rules one by one in a line, as 'text', 'markdown' or 'json'."""
    if output_format == "json":
        return encode([{key: value for key, value in data(rule).items() if key in _LISTED} for rule in rules])
    if output_format == "markdown":
        return table(rules, "docs/rules")
    rules = list(rules)
    paint, longest = Paint(color), max(len(rule.name) for rule in rules)
    blocks = []
    for topic, members in _by_topic(rules):
        blocks.append("".join(f"{line}\n" for line in (paint(topic, "bold"), *_rows(members, longest, width))))
    return "\n".join(blocks)


_LISTED = ("code", "name", "summary", "severity", "confidence", "default", "fix")


def _rows(rules: Iterable[Rule], longest: int, width: int) -> Iterator[str]:
    for rule in rules:
        head = f"  {rule.code}  {rule.name:{longest}}  {rule.severity:7}  "
        yield from wrapped(_summary(rule), max(width, len(head) + 30), head, " " * len(head))


def table(rules: Iterable[Rule], pages: str) -> str:
    """The rules as markdown tables, one per topic. `pages` is where the pages are, relative to the text that holds the table."""
    blocks = []
    for topic, members in _by_topic(rules):
        rows = [f"**{topic}**", "", "| rule | severity | fix | what it reports |", "|---|---|---|---|"]
        for rule in members:
            link = f"[{rule.code} {rule.name}]({pages}/{rule.code}-{rule.name}.md)"
            fix = "" if rule.fix == "none" else rule.fix
            summary = _summary(rule).replace("|", "\\|")
            rows.append(f"| {link} | {rule.severity} | {fix} | {summary} |")
        blocks.append("".join(f"{row}\n" for row in rows))
    return "\n".join(blocks)


def _summary(rule: Rule) -> str:
    return rule.doc.strip().partition("\n")[0] + ("" if rule.default else " (opt-in)")


def _by_topic(rules: Iterable[Rule]) -> Iterator[tuple[str, list[Rule]]]:
    groups: dict[str, list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: rule.code):
        groups.setdefault(_TOPICS.get(rule.code[2], "Others"), []).append(rule)
    yield from groups.items()


# --- the tree


def tree(output_format: str = "text") -> str:
    """The decision tree as 'text', 'markdown' or 'json'."""
    from poolaudit.decision import TREE
    from poolaudit.tree import as_data, draw

    if output_format == "json":
        return encode(as_data(TREE))
    drawing = draw(TREE)
    return f"```text\n{drawing}```\n" if output_format == "markdown" else drawing


def encode(value: object) -> str:
    """Indented JSON with a final newline."""
    return json.dumps(value, indent=2) + "\n"

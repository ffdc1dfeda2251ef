"""Pages that explain: one per rule, the list of all rules, the decision tree.

Knows the layout of a rule's docstring and of its fixture folder (programs that show the harm, and what running them gave).
Must never know how a rule decides, what a transcript means (matrix.py does), or print.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from poolaudit import matrix, source, transcript
from poolaudit.matrix import End, Matrix
from poolaudit.report.diff import painted, unified
from poolaudit.report.tables import columns, table_of
from poolaudit.report.terminal import Paint, wrapped
from poolaudit.rule import Rule
from poolaudit.settings import FORKSERVER_SINCE, Version

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


class Page(Struct, frozen=True):
    """What is said of one rule."""

    rule: Rule
    summary: str
    sections: tuple[tuple[str, str], ...]
    """Heading and text, paragraphs separated by an empty line, each paragraph on one line."""
    programs: str
    """bad to good as a unified diff with the whole of both; '' where nothing was proven by running."""
    report: str
    """What is reported of the bad program; '' where nothing was recorded."""
    transcript: str
    """What running both gave on each Python and start method; '' for rules that need none."""
    matrix: Matrix
    """The same as a table; without rows for rules that need none."""

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
    run = recorded(folder)
    table = matrix.matrix(transcript.parse(run))
    return Page(rule, summary, sections, _programs(folder), recorded(folder, "report.txt"), run, table)


def recorded(folder: Path, what: str = "run.txt") -> str:
    """A golden of a folder of programs; '' when it has none."""
    path = folder / what
    return path.read_text("utf-8") if path.is_file() else ""


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
    single = [path for path in (folder / f"{stem}.py", folder / f"{stem}.ipynb") if path.is_file()]
    if single:
        return {f"bad{single[0].suffix}": _shown(single[0])}
    several = folder / stem
    paths = sorted(path for path in several.rglob("*") if path.suffix in (".py", source.NOTEBOOK))
    return {f"bad/{path.relative_to(several).as_posix()}": _shown(path) for path in paths}


def _shown(path: Path) -> str:
    """The text of a program; of a notebook the code of its cells."""
    if path.suffix != source.NOTEBOOK:
        return path.read_text("utf-8", "replace")
    notebook = source.read(str(path)).notebook
    return "".join(f"# cell {cell.number}\n{cell.source.rstrip()}\n" for cell in notebook.cells) if notebook else ""


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
        yield paint(_PROGRAMS, "bold")
        yield from (f"  {line}".rstrip() for line in painted(shown.programs, color=paint.on).splitlines())
    if shown.report:
        yield ""
        yield paint(_REPORTED, "bold")
        yield from (f"  {line}".rstrip() for line in shown.report.rstrip().splitlines())
    if shown.matrix.rows:
        yield ""
        yield paint(_RUNNING, "bold")
        yield from columns(list(_cells(shown.matrix)), width)
        yield ""
        yield from (f"  {line}".rstrip() for line in shown.transcript.splitlines())
    yield ""
    for what, how in _how(shown.rule):
        yield f"{what}: {paint(how, 'green')}"


_PROGRAMS = "The program that shows it, and its repair"
_REPORTED = "What is reported of it"
_RUNNING = "What running them gives"


def _cells(table: Matrix) -> Iterator[list[str]]:
    """Headings, then one row per program and group of Pythons. The program's name stands once."""
    anyhow = len(table.columns) == 1
    yield ["", "Python", *(["every start method"] if anyhow else [", ".join(column) for column in table.columns])]
    named = ""
    for row in table.rows:
        yield ["" if row.program == named else row.program, matrix.span(row.versions), *map(_or, row.ends)]
        named = row.program


def _or(ends: Iterable[End]) -> str:
    """One end, or those of a race."""
    return " or ".join(map(str, ends))


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
        yield f"\n## {_PROGRAMS}\n\n```diff\n{shown.programs.rstrip()}\n```"
    if shown.report:
        yield f"\n## {_REPORTED}\n\n```text\n{shown.report.rstrip()}\n```"
    if shown.matrix.rows:
        yield f"\n## {_RUNNING}\n"
        yield table_of(_cells(shown.matrix))
        yield f"\n```text\n{shown.transcript.rstrip()}\n```"
    yield ""
    yield from (f"- {what}: `{how}`" for what, how in _how(shown.rule))


def _how(rule: Rule) -> Iterator[tuple[str, str]]:
    """What can be done about it, and the words that do it."""
    if rule.fix != "none":
        unsafe = "" if rule.fix == "safe" else " --unsafe-fixes"
        yield "To see the fix", f"poolaudit scan --diff{unsafe} --select {rule.code} PATH"
    if rule.check is not None or rule.check_file is not None:
        yield "To keep a line as it is", f"# poolaudit: ignore[{rule.name}] the reason"
    yield "To silence it for files", f'per-file-ignores = {{"path/*.py" = ["{rule.code}"]}}'
    if not rule.default:
        yield "To turn it on", f'extend-select = ["{rule.code}"]'


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
        "report": shown.report,
        "matrix": [
            {
                "program": row.program,
                "versions": [f"{major}.{minor}" for major, minor in row.versions],
                "methods": list(methods),
                "ends": [{"kind": end.kind, "detail": end.detail} for end in ends],
            }
            for row in shown.matrix.rows
            for methods, ends in zip(shown.matrix.columns, row.ends, strict=True)
        ],
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


# --- from one Python to the next


def default_table(rules: Iterable[Rule], pages: str, fixtures: Path = FIXTURES) -> str:
    """The rules whose bad program ends in another way once Linux's default start method is forkserver, as a markdown table.

    Another exception is no other way.
    """
    last: Version = (FORKSERVER_SINCE[0], FORKSERVER_SINCE[1] - 1)
    rows = [
        ["rule", *(f"{major}.{minor}, {method}" for (major, minor), method in ((last, "fork"), (FORKSERVER_SINCE, "forkserver")))]
    ]
    for rule in sorted(rules, key=lambda rule: rule.code):
        run = transcript.parse(recorded(fixtures / f"{rule.code}-{rule.name}"))
        before, since = (matrix.under_default(run, version) for version in (last, FORKSERVER_SINCE))
        if {end.kind for end in before} != {end.kind for end in since} and before and since:
            rows.append([f"[{rule.code} {rule.name}]({pages}/{rule.code}-{rule.name}.md)", _or(before), _or(since)])
    return f"{table_of(rows)}\n"


def changes_table(folder: Path) -> str:
    """What the programs of a folder do on one Python after the other, as a markdown table. Their docstrings say what they are."""
    columns, programs = matrix.changes(transcript.parse(recorded(folder)))
    rows = [["program", *(matrix.span(column) for column in columns)]]
    for program, ends in programs.items():
        what = ast.get_docstring(ast.parse((folder / program).read_text("utf-8"))) or program
        rows.append([f"{what.rstrip('.')} (`{program}`)", *map(str, ends)])
    return f"{table_of(rows)}\n"


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

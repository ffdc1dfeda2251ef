"""The findings that a project has agreed to live with for now, recorded in a file.

Knows the file's JSON, what a finding is known again by when lines have moved, and how recorded findings meet those of a run. Must
never know a rule, which files a run has looked at, or how a file is written.

A finding is known by its file, its rule, and a fingerprint of the statement that it is reported in and the name of the function
around that: other lines, blanks, comments, and how the statement is laid out may change. Equal ones are counted.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from poolaudit import syntax
from poolaudit.config import ConfigError
from poolaudit.facts import FileFacts, Span
from poolaudit.report import FileReport, Reported
from poolaudit.source import Lines

SCHEMA_VERSION = 1
_SHOWN = 100
"""Characters of a statement that are recorded for people to read."""


class Entry(Struct, frozen=True, order=True):
    """Findings of one rule that cannot be told apart."""

    code: str
    function: str
    """The qualified name of the function around; '' at module level."""
    statement: str
    """As people may read it: on one line, and cut."""
    fingerprint: str
    count: int
    likely: bool = False
    """Found by a run that showed what is likely, too."""

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.fingerprint


class Stale(Struct, frozen=True):
    """An entry with findings that there are no more."""

    path: str
    entry: Entry
    gone: int
    """How many of its findings."""
    where: Span
    """Its code in the text of the baseline."""


Judged = Callable[[str, Entry], bool]
"""Whether a run had an opinion: it looked at the file (an absolute path) and asked the rule."""


class Baseline(Struct, frozen=True):
    """What a file records."""

    file: Path
    """Absolute. Recorded paths are relative to its folder."""
    text: str = ""
    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    """By path, with forward slashes."""

    @property
    def name(self) -> str:
        """What reports call the file: relative to the working folder where it lies below it."""
        below = _relative(str(self.file), os.getcwd())
        return str(self.file).replace(os.sep, "/") if below.startswith("../") else below

    def path_of(self, name: str) -> str:
        """How a file that a report calls `name` is recorded."""
        return _relative(os.path.abspath(name), str(self.file.parent))

    def hidden(self, facts: FileFacts, found: Sequence[Reported]) -> list[Reported]:
        """The findings of one file, in the order of the text, those marked that are recorded; no more than there are recorded."""
        left = Counter({entry.key: entry.count for entry in self.entries.get(self.path_of(facts.path), ())})
        if not left:
            return list(found)
        places = _Places(facts.text)
        result = []
        for each in found:
            key = each.code, places.entry(each).fingerprint
            if not each.suppressed and left[key] > 0:
                left[key] -= 1
                each = each._replace(suppressed=True, baselined=True)
            result.append(each)
        return result

    def stale(self, files: Iterable[FileReport], judged: Judged) -> Iterator[Stale]:
        """What `files`, whose findings have met the baseline, do not hold any more. In the order of the text."""
        hidden = {self.path_of(file.path): _counted(file) for file in files if file.facts is not None}
        for path, entries in self.entries.items():
            for entry in entries:
                gone = entry.count - hidden.get(path, Counter())[entry.key]
                if gone and judged(self._absolute(path), entry):
                    yield Stale(path, entry, gone, self._place(path, entry))

    def recorded(self, files: Iterable[FileReport], judged: Judged) -> str:
        """The new text of the file: what a run has found and nothing suppresses, and what is recorded that it did not judge."""
        entries = {
            path: {entry.key: entry for entry in old if not judged(self._absolute(path), entry)}
            for path, old in self.entries.items()
        }
        for file in files:
            if file.facts is not None:
                entries.setdefault(self.path_of(file.path), {}).update(_entries(file.facts, file.findings))
        return _text({path: sorted(found.values()) for path, found in sorted(entries.items()) if found})

    def _absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.file.parent, path))

    def _place(self, path: str, entry: Entry) -> Span:
        """The entry's code in the text: the last one before its fingerprint, which is looked for below its path."""
        start = max(self.text.find(_quoted(path)), 0)
        pattern = rf'"{re.escape(entry.code)}"(?=[^{{}}]*"{re.escape(entry.fingerprint)}")'
        found = re.compile(pattern).search(self.text, start)
        return Span(*found.span()) if found else Span(start, start)


def load(file: Path) -> Baseline:
    """Raises ConfigError for a file that cannot be read or is no baseline."""
    try:
        return parse(file, file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no such baseline: `poolaudit scan --write-baseline {file}` records one") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is no baseline: not UTF-8") from error


def parse(file: Path, text: str) -> Baseline:
    """What a text that stands in `file` records. Raises ConfigError."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{file}:{error.lineno}: is no baseline: {error.msg}") from error
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise ConfigError(f'{file}: is no baseline of this version: "schema_version" must be {SCHEMA_VERSION}')
    try:
        entries = {path: tuple(map(_entry, found)) for path, found in content["findings"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: is no baseline: {type(error).__name__} {error}") from error
    return Baseline(file, text, entries)


def _entry(record: dict[str, Any]) -> Entry:
    count = record["count"]
    if not isinstance(count, int):
        raise TypeError(f"count must be a number, not {count!r}")
    code, function, statement, fingerprint = (str(record[key]) for key in ("code", "function", "statement", "fingerprint"))
    return Entry(code, function, statement, fingerprint, count, record.get("confidence") == "likely")


def _text(entries: Mapping[str, Sequence[Entry]]) -> str:
    """One entry a line, so that changes are easy to review and to merge."""
    files = []
    for path, found in entries.items():
        lines = ",\n".join(f"      {_record(entry)}" for entry in found)
        files.append(f"    {_quoted(path)}: [\n{lines}\n    ]")
    findings = "{\n" + ",\n".join(files) + "\n  }" if files else "{}"
    return f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "findings": {findings}\n}}\n'


def _record(entry: Entry) -> str:
    values = {
        "code": _quoted(entry.code),
        "function": _quoted(entry.function),
        "statement": _quoted(entry.statement),
        "fingerprint": _quoted(entry.fingerprint),
        "count": str(entry.count),
        **({"confidence": '"likely"'} if entry.likely else {}),
    }
    return "{" + ", ".join(f'"{key}": {value}' for key, value in values.items()) + "}"


def _quoted(text: str) -> str:
    """A JSON string; bytes of a file name that are not UTF-8 are escaped."""
    return json.dumps(text, ensure_ascii=any("\ud800" <= letter <= "\udfff" for letter in text))


def _relative(path: str, folder: str) -> str:
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:
        # another drive of Windows
        return path.replace(os.sep, "/")


# --- what a finding is known by


def _entries(facts: FileFacts, findings: Iterable[Reported]) -> dict[tuple[str, str], Entry]:
    """One file's findings that nothing suppresses."""
    found: dict[tuple[str, str], Entry] = {}
    places = _Places(facts.text)
    for each in findings:
        if not each.suppressed:
            entry = places.entry(each)
            known = found.get(entry.key)
            found[entry.key] = (
                entry if known is None else replace(known, count=known.count + 1, likely=known.likely or entry.likely)
            )
    return found


def _counted(file: FileReport) -> Counter[tuple[str, str]]:
    """How often each recorded finding is there."""
    hidden = [each for each in file.findings if each.baselined]
    if file.facts is None or not hidden:
        return Counter()
    places = _Places(file.facts.text)
    return Counter(places.entry(each).key for each in hidden)


class _Places:
    """The statements and functions of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = Lines(text)
        self._known: dict[int, tuple[str, str]] = {}
        try:
            self._tree: ast.Module | None = syntax.parse(text)
            self._spans = syntax.Places(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # newer syntax than the running Python's: the line has to do
            self._tree = None

    def entry(self, each: Reported) -> Entry:
        """The finding as it is recorded."""
        where = each.finding.where
        if where.start not in self._known:
            self._known[where.start] = self._around(where.start)
        function, statement = self._known[where.start]
        normal = _normal(statement) or self._text[where.start : where.end]
        digest = hashlib.sha256(f"{function}\0{normal}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        shown = " ".join((statement if _normal(statement) else normal).split())[:_SHOWN]
        return Entry(each.code, function, shown, digest, 1, each.confidence == "likely")

    def _around(self, offset: int) -> tuple[str, str]:
        """The qualified name of the function, and the statement: of a compound one its header, of what is none its line."""
        names: list[str] = []
        statement = Span(*self._line(offset))
        below = list(_children(self._tree)) if self._tree is not None else []
        while (node := next((each for each in below if self._holds(each, offset)), None)) is not None:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.append(node.name)
            below = list(_children(node))
            whole = self._spans.span(node)
            header = Span(whole.start, self._spans.span(below[0]).start if below else whole.end)
            # behind the header stand statements, and comments and words such as `else` that are in none of them
            statement = header if offset < header.end else Span(*self._line(offset))
        return ".".join(names), self._text[statement.start : statement.end]

    def _holds(self, node: _Node, offset: int) -> bool:
        span = self._spans.span(node)
        return span.start <= offset < span.end

    def _line(self, offset: int) -> tuple[int, int]:
        bounds = [*self._lines.starts, len(self._text)]
        line = self._lines.line(offset)
        return bounds[line - 1], bounds[line]


_Node = ast.stmt | ast.excepthandler


def _children(node: ast.AST) -> Iterator[_Node]:
    """The statements and handlers directly below, in the order of the text."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.excepthandler)):
            yield child
        elif isinstance(child, ast.match_case):
            yield from _children(child)


def _normal(statement: str) -> str:
    """Without what a formatter may change: blanks, comments, the last comma before a bracket, the kind of quotes.

    What stands behind a number sign in a string goes as well: that makes a fingerprint a little less sharp, and nothing else.
    """
    bare = re.sub(r"#[^\r\n]*|\s|\\\s", "", statement).replace("'", '"')
    return re.sub(r",(?=[)\]}])", "", bare)

"""Which files of the given paths can mention a process pool at all.

Knows folders, gitignore, excludes, the byte needles and the gate by `ast`; both are derived from survey.families.
Must never import libcst, and must never know a rule or the command line: it is most of the cost of a tree without pools.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from poolaudit.config import Closest, Config
from poolaudit.layout import Layout
from poolaudit.report import Problem
from poolaudit.source import NOTEBOOK, SourceFile, Unreadable, decode, read_bytes
from poolaudit.survey.families import BORROWED, BORROWED_NAMES, LEAF_NAMES, NEEDLES, PARTS

if TYPE_CHECKING:
    import ast

    from pathspec import GitIgnoreSpec

    from poolaudit.disk import Looks

UNREADABLE = "PA001"
TOO_DEEP = "cannot be parsed: nested too deeply"
TOO_LARGE = "cannot be parsed: too large"
SUFFIXES = (".py", ".pyi", NOTEBOOK)
"""Files of these names are looked for in folders; a file named explicitly may also have none, or a Python shebang."""

_SHEBANG = re.compile(rb"#![^\n]*\bpython")
_MARKS = (b",", b"(", b".", b"=", b";", b"+", b"\n")
_BRACKET = re.compile(rb"[(\[{]|[)\]}]")
FEW = 100
"""Files that are read sooner than a memory of them is opened."""

DEEPEST = 1000
"""Brackets in brackets that libcst's parser is trusted with: near 3,000 it overflows the stack and takes the process along."""

LARGEST = 500_000
"""Marks (commas, brackets, dots, equals signs, lines) of a file that is parsed: 90,000 lines, for which libcst takes 2 GB."""

LONGEST = 3000
"""Levels of ast's tree, and terms of one `and` or `or`, for the same reason."""


class Discovery(NamedTuple):
    """What was found below the paths."""

    candidates: tuple[SourceFile, ...]
    """Files that passed needles and gate, read and decoded, sorted by name."""
    files_scanned: int
    """Python files that were looked at."""
    scanned: tuple[str, ...]
    """Their names, sorted (for --show-files)."""
    problems: tuple[Problem, ...]
    """PA001 for folders that cannot be read and paths that do not exist."""
    unreadable: tuple[Problem, ...]
    """PA001 for files that cannot be read, and candidates that cannot be decoded."""
    full: bool
    """The paths cover the root of the configuration: every file of the project was looked at."""


class Memory(Protocol):
    """What earlier runs have found out about files."""

    def expect(self, paths: Sequence[str], names: Sequence[str]) -> None:
        """These files will be asked for, found below these paths."""

    def is_blank(self, name: str) -> bool:
        """The bytes of the file, unchanged since, have said that there is no pool."""

    def blank(self, name: str) -> None:
        """The bytes of the file say that there is no pool."""

    def is_candidate(self, name: str, data: bytes) -> bool | None:
        """Whether a file with these bytes is a candidate; None when that is not known."""

    def decide(self, name: str, data: bytes, is_candidate: bool, looks: Looks) -> None:
        """Whether it is one, for which so much was asked of other files."""


def discover(
    paths: Iterable[str],
    config: Config,
    leaves: frozenset[str] = LEAF_NAMES,
    *,
    layout: Layout | None = None,
    memory: Callable[[], Memory | None] = lambda: None,
) -> Discovery:
    """Looks at `paths` (files and folders). What it finds on disk never raises, but becomes a problem; a bad configuration that a
    folder has for itself is a ConfigError, as any.

    `leaves`: names of which a candidate has one. `memory` gives what is remembered of LEAF_NAMES; it is asked for where it pays.
    """
    paths = list(paths)
    problems: list[Problem] = []
    names = _names(paths, config, problems)
    layout = layout or Layout(str(config.root) if config.anchored else "")
    blanks = memory() if len(names) > FEW else None
    if blanks is not None:
        blanks.expect(paths, names)
    candidates = []
    unreadable = []
    with warnings.catch_warnings():
        # ast warns of invalid escapes in code that is not ours
        warnings.simplefilter("ignore")
        for name in names:
            try:
                source = _known(name, layout, leaves, blanks, memory)
            except Unreadable as error:  # noqa: PERF203 - one bad file must not end the others
                unreadable.append(Problem(UNREADABLE, error.message, name, error.line, error.column))
            else:
                if source is not None:
                    candidates.append(source)
    return Discovery(tuple(candidates), len(names), tuple(names), tuple(problems), tuple(unreadable), covers(paths, config.root))


def _known(
    name: str, layout: Layout, leaves: frozenset[str], blanks: Memory | None, memory: Callable[[], Memory | None]
) -> SourceFile | None:
    """As `candidate`, by what is remembered."""
    if blanks is not None and blanks.is_blank(name):
        return None
    data = read_bytes(name)
    if not mentions(data):
        if blanks is not None:
            blanks.blank(name)
        return None
    known = memory()
    if known is None:
        return candidate(data, name, name, layout, leaves)
    is_candidate = known.is_candidate(name, data)
    if is_candidate is not None:
        return decode(data, name, name) if is_candidate else None
    with layout.disk.noting() as looks:
        source = candidate(data, name, name, layout)
    known.decide(name, data, source is not None, looks)
    return source


def candidate(
    data: bytes, name: str, path: str = "", layout: Layout | None = None, leaves: frozenset[str] = LEAF_NAMES
) -> SourceFile | None:
    """The source in `data` if it may hold a process pool, or use one that a module of the project holds; None if it cannot.

    Raises Unreadable when it cannot be decoded or is nested too deeply for any parser.
    """
    if name.endswith(NOTEBOOK):
        return _notebook(data, name, path, layout, leaves)
    if not mentions(data):
        return None
    return decode(data, name, path) if _holds(data, name, layout, leaves) else None


def mentions(data: bytes) -> bool:
    """The bytes name a module of pools, or call what pools offer. Of a file for which this is False no more is asked."""
    # each search reads the whole file, and they are most of what a tree without pools costs: no any() here
    for part in PARTS:
        if part in data:
            return any(mark in data for mark in (*NEEDLES, *BORROWED))
    return False


def _holds(data: bytes, name: str, layout: Layout | None, leaves: frozenset[str]) -> bool:
    """The file makes or configures a pool, or works with one that another file of the project makes."""
    makes = any(needle in data for needle in NEEDLES) and _has_word(data, leaves)
    borrows = layout is not None and any(method in data for method in BORROWED)
    if not (makes or borrows):
        return False
    try:
        tree = _parsed(data)
        names = _identifiers(tree) if tree is not None else set()
    except Unreadable:
        if makes:
            raise
        return False
    if makes and (tree is None or not leaves.isdisjoint(names)):
        return True
    return layout is not None and tree is not None and not BORROWED_NAMES.isdisjoint(names) and _borrows(tree, name, layout)


def _notebook(data: bytes, name: str, path: str, layout: Layout | None, leaves: frozenset[str]) -> SourceFile | None:
    """As `candidate`. The document is only read where its bytes look like it: outputs and pictures make it large."""
    if not mentions(data):
        return None
    source = decode(data, name, path)
    return source if _holds(source.text.encode(), name, layout, leaves) else None


def gate(data: bytes, leaves: frozenset[str] = LEAF_NAMES) -> bool:
    """Whether a leaf name of the API table occurs as a name, an attribute or an import.

    False proves that the file neither makes nor configures a process pool. What ast cannot parse passes: libcst may know newer
    syntax, and it is libcst that says what is wrong. Raises Unreadable for what must not reach libcst, which dies of it.
    """
    if not _has_word(data, leaves):
        return False
    tree = _parsed(data)
    return tree is None or not leaves.isdisjoint(_identifiers(tree))


def _has_word(data: bytes, words: Iterable[str]) -> bool:
    """One of the words occurs, not as a part of another: costs a tenth of what ast does, and spares half of the files."""
    return any(word in data and re.search(rb"\b%b\b" % word, data) for word in map(str.encode, words))


def _parsed(data: bytes) -> ast.Module | None:
    """ast's tree; None for what is no Python to it. Raises Unreadable for what libcst must not be given."""
    if _is_too_large(data):
        raise Unreadable(TOO_LARGE)
    import ast

    try:
        return ast.parse(data)
    except (RecursionError, MemoryError) as error:
        raise Unreadable(TOO_DEEP) from error
    except (SyntaxError, ValueError) as error:
        if _depth(data) > DEEPEST:
            raise Unreadable(TOO_DEEP) from error
        return None


def _identifiers(tree: ast.Module) -> set[str]:
    """Every name, attribute and last part of an import. Raises Unreadable for a tree that libcst must not be given.

    Walks level by level: libcst must not get too many of them, nor an `or` (flat for ast) of too many terms. The running
    Python's own limit would not do: 3.11 to 3.13 go by the recursion limit, others by the stack.
    """
    import ast

    found = set()
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > LONGEST:
            raise Unreadable(TOO_DEEP)
        below: list[ast.AST] = []
        for node in level:
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
                below.append(node.value)
            elif not isinstance(node, ast.Constant):
                if isinstance(node, ast.alias):
                    found.add(node.name.rpartition(".")[2])
                elif isinstance(node, ast.BoolOp) and len(node.values) > LONGEST:
                    raise Unreadable(TOO_DEEP)
                # ast.iter_child_nodes costs three times as much
                for value in node.__dict__.values():
                    if type(value) is list:
                        below += [item for item in value if isinstance(item, ast.AST)]
                    elif isinstance(value, ast.AST):
                        below.append(value)
        level = below
    return found


def _is_too_large(data: bytes) -> bool:
    """Strings may be of any length. What costs memory is what libcst makes objects of, and nearly all of that has a mark."""
    return len(data) > LARGEST and sum(data.count(mark) for mark in _MARKS) > LARGEST


def _borrows(tree: ast.Module, name: str, layout: Layout, depth: int = 2) -> bool:
    """The file imports a module of the project that may hold a pool, directly or by a re-export."""
    package = layout.module_name(name)
    if os.path.basename(name) != "__init__.py":
        package = package.rpartition(".")[0]
    seen = set()
    for imported in sorted(_imported(tree, package)):
        found = layout.locate(imported, name)
        if found is None or found[0] in seen or os.path.normpath(name) == found[0]:
            continue
        seen.add(found[0])
        try:
            other = layout.disk.read(found[0])
            if any(needle in other for needle in NEEDLES) and gate(other):
                return True
            passes_on = depth > 1 and found[0].endswith("__init__.py")
            inner = _parsed(other) if passes_on else None
        except Unreadable:  # reported when that file is looked at itself
            continue
        if inner is not None and _borrows(inner, found[0], layout, depth - 1):
            return True
    return False


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Full dotted names that a file imports, relative ones resolved."""
    import ast

    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if package else []
            if node.level > len(parts):
                continue
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at any depth: the twentieth part of what ast.walk visits."""
    for statement in body:
        yield statement
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, field, []))
        for arm in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _statements(arm.body)


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for match in _BRACKET.finditer(data):
        depth = depth + 1 if match[0] in b"([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def is_excluded(path: str, config: Config) -> bool:
    """The path, or a folder that it lies in, is excluded by configuration. gitignore is not asked."""
    return _Excludes(config).hold(path)


def covers(paths: Iterable[str], root: Path) -> bool:
    """The paths hold the whole project."""
    real = os.path.realpath(root)
    return any(os.path.isdir(path) and Path(real).is_relative_to(os.path.realpath(path)) for path in paths)


# Names


def _names(paths: Iterable[str], config: Config, problems: list[Problem]) -> list[str]:
    excludes = _Excludes(config)
    found = []
    for path in paths:
        name = os.path.normpath(path).replace(os.sep, "/")
        if config.force_exclude and excludes.hold(name):
            continue
        if os.path.isdir(path):
            prefix = "" if name == "." else name if name.endswith("/") else f"{name}/"
            below: Iterable[str] = _Walk(problems, excludes).files(prefix, _filters(name, excludes))
        elif os.path.exists(path):
            below = [name] if _is_python(name) else []
        else:
            problems.append(Problem(UNREADABLE, "no such file or folder", name))
            continue
        found.append(list(below))
    if len(found) == 1:
        return sorted(found[0])
    once: dict[str, str] = {}
    for each in chain.from_iterable(found):
        once.setdefault(os.path.abspath(each), each)
    return sorted(once.values())


def _is_python(name: str) -> bool:
    """A file named explicitly: one without any suffix is taken at the user's word, a foreign suffix needs a shebang."""
    suffix = os.path.splitext(name)[1]
    if suffix in (*SUFFIXES, ".pyw", ""):
        return True
    try:
        return _SHEBANG.match(read_bytes(name)) is not None
    except Unreadable:
        # reading it again says why
        return True


class _Filter(NamedTuple):
    """Patterns of one folder, asked about the files of a walk: its paths minus `cut` characters, after `lead`."""

    patterns: Patterns
    lead: str = ""
    cut: int = 0
    decides: bool = False
    """It is an exclude, which no .gitignore takes back."""

    def ignores(self, path: str, name: str, is_folder: bool) -> bool | None:
        return self.patterns.ignores(self.lead + path[self.cut :], name, is_folder)


class _Excludes:
    """What the configurations of a run leave out: that of a folder with its own, and those around it."""

    def __init__(self, config: Config) -> None:
        self._closest = Closest(config)
        self._patterns: dict[Path, Patterns] = {}

    def around(self, folder: str) -> Iterator[tuple[str, Patterns]]:
        """Root and patterns of every configuration that holds in an absolute folder."""
        for config in self._closest.around(folder):
            if config.root not in self._patterns:
                self._patterns[config.root] = Patterns(config.exclude + config.extend_exclude)
            yield str(config.root), self._patterns[config.root]

    def hold(self, name: str) -> bool:
        """The path, or a folder that it lies in, is left out."""
        return any(_is_excluded(name, *each) for each in self.around(os.path.dirname(os.path.abspath(name))))

    def own(self, prefix: str) -> _Filter | None:
        """The excludes that a folder has for itself."""
        folder = os.path.abspath(prefix)
        root, patterns = next(self.around(folder))
        return _Filter(patterns, cut=len(prefix), decides=True) if root == folder else None


def _filters(name: str, excludes: _Excludes) -> tuple[_Filter, ...]:
    """The filters that hold in a folder named explicitly, the outermost first.

    A folder that is ignored itself was meant all the same: nothing from above counts then, and excludes are asked from there.
    """
    cut = 0 if name == "." else len(name) + 1
    folder = os.path.abspath(name)
    decide = [
        _Filter(patterns, "" if _is_excluded(name, root, patterns) else _lead(folder, root), cut, decides=True)
        for root, patterns in excludes.around(folder)
    ]
    above = [
        _Filter(patterns, _lead(folder, base), cut)
        for base in _parents_in_repository(folder)
        if (patterns := _gitignore(base)) is not None
    ]
    if any(each.patterns.hold(each.lead) for each in above):
        above = []
    return (*decide, *above)


def _is_excluded(name: str, root: str, excludes: Patterns) -> bool:
    path = os.path.abspath(name)
    if path == os.path.abspath(root):
        return False
    below = relative(path, Path(root))
    return excludes.hold(f"{below}/" if os.path.isdir(path) else below)


def relative(path: str, root: Path) -> str:
    """What patterns see of a path: its way from `root`, or from the file system's root where it lies elsewhere."""
    absolute = Path(os.path.abspath(path))
    return absolute.relative_to(root if absolute.is_relative_to(root) else absolute.anchor).as_posix()


def _lead(folder: str, base: str) -> str:
    """What turns a path below `folder` into one below `base`: 'src/pkg/', or '' when the folder is not below it."""
    if folder == base or not Path(folder).is_relative_to(base):
        return ""
    return f"{Path(folder).relative_to(base).as_posix()}/"


def _parents_in_repository(folder: str) -> list[str]:
    """The folders above `folder` up to the root of its git repository, the outermost first; none outside of a repository."""
    parents = [str(parent) for parent in (Path(folder), *Path(folder).parents)]
    for number, parent in enumerate(parents):
        if os.path.exists(os.path.join(parent, ".git")):
            return parents[number:0:-1]
    return []


def _gitignore(folder: str) -> Patterns | None:
    """The patterns that a folder's .gitignore, and at the root of a repository .git/info/exclude, hold."""
    lines = _lines(os.path.join(folder, ".gitignore"))
    if (git := _git_folder(folder)) is not None:
        # what info/exclude says is weaker, so it comes first
        lines = _lines(os.path.join(git, "info", "exclude")) + lines
    return Patterns(lines) if lines else None


def _git_folder(folder: str) -> str | None:
    git = os.path.join(folder, ".git")
    if os.path.isdir(git):
        return git
    # a work tree or a submodule: .git is a file that names the folder, which may name the common one
    for line in _lines(git):
        if line.startswith("gitdir: "):
            linked = os.path.join(folder, line.removeprefix("gitdir: "))
            common = _lines(os.path.join(linked, "commondir"))
            return os.path.join(linked, common[0]) if common else linked
    return None


def _lines(file: str) -> list[str]:
    try:
        return read_bytes(file).decode("utf-8", "surrogateescape").splitlines()
    except Unreadable:
        return []


class _Walk:
    """One walk through a folder. Symlinked folders are not entered, as in git and ripgrep: no loop, no file twice."""

    def __init__(self, problems: list[Problem], excludes: _Excludes) -> None:
        self.problems = problems
        self.excludes = excludes

    def files(self, prefix: str, filters: tuple[_Filter, ...]) -> Iterator[str]:
        """Python files below the folder whose names start with `prefix` ('' or 'src/')."""
        todo = [(prefix, filters)]
        links: list[str] = []
        own: dict[int, str] = {}
        while todo:
            prefix, filters = todo.pop()
            try:
                with os.scandir(prefix or ".") as entries:
                    listed = list(entries)
            except OSError as error:
                self.problems.append(Problem(UNREADABLE, f"the folder cannot be read: {error.strerror}", prefix.rstrip("/")))
                continue
            filters = self._with_own(prefix, listed, filters)
            for entry in listed:
                name = entry.name
                path = prefix + name
                if name.endswith(SUFFIXES):
                    if entry.is_file() and not _ignored(path, name, False, filters):
                        if entry.is_symlink():
                            links.append(path)
                        else:
                            own[entry.inode()] = path
                            yield path
                elif entry.is_dir(follow_symlinks=False) and not _ignored(path, name, True, filters):
                    todo.append((f"{path}/", filters))
        yield from _links_elsewhere(links, own)

    def _with_own(self, prefix: str, listed: list[os.DirEntry[str]], filters: tuple[_Filter, ...]) -> tuple[_Filter, ...]:
        names = {entry.name for entry in listed}
        if names & {".gitignore", ".git"} and (patterns := _gitignore(prefix or ".")) is not None:
            filters = (*filters, _Filter(patterns, cut=len(prefix)))
        own = self.excludes.own(prefix) if names & {"pyproject.toml", "poolaudit.toml"} else None
        # the folder where the walk began has its filters already
        if own is not None and all(each.patterns is not own.patterns for each in filters):
            filters = (*filters, own)
        return filters


def _links_elsewhere(links: list[str], own: dict[int, str]) -> Iterator[str]:
    """Symlinked files whose target the walk has not met itself, one name for each target. `own`: its files by inode."""
    for path in sorted(links):
        inode = os.stat(path).st_ino
        if inode not in own or not os.path.samefile(path, own[inode]):
            own[inode] = path
            yield path


def _ignored(path: str, name: str, is_folder: bool, filters: tuple[_Filter, ...]) -> bool:
    """An exclude decides; else the innermost .gitignore that has an opinion."""
    ignored = None
    for each in reversed(filters):
        if each.decides:
            if each.ignores(path, name, is_folder):
                return True
        elif ignored is None:
            ignored = each.ignores(path, name, is_folder)
    return bool(ignored)


class Patterns:
    """The lines of one gitignore file. pathspec decides, but it is asked (and imported) only where some pattern can fit.

    A pattern fits a path only if its last part fits the last part of the path, because every folder on the way is asked on its
    own: it is the name, or begins or ends as the pattern does. That saves 80 us per file with a .gitignore of 150 lines.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = [line for line in lines if line.strip() and not line.startswith("#")]
        self._spec: GitIgnoreSpec | None = None
        self._names: set[str] = set()
        self._folders: set[str] = set()
        suffixes: list[str] = []
        prefixes: list[str] = []
        for line in self._lines:
            *parents, last = line.strip().removeprefix("!").rstrip("/").split("/")
            if not (wild := _WILD.search(last)):
                self._names.add(last)
            elif last.startswith("*") and last.strip("*") and not _WILD.search(last.lstrip("*")):
                suffixes.append(last.lstrip("*"))
            elif not last.strip("*") and parents and parents[-1] and not _WILD.search(parents[-1]):
                # logs/* and docs/**: one folder on the way has the name
                self._folders.add(parents[-1])
            else:
                prefixes.append(last[: wild.start()])
        self._suffixes = tuple(suffixes)
        self._prefixes = tuple(prefixes)

    def ignores(self, path: str, name: str, is_folder: bool) -> bool | None:
        """True: ignored. False: a later `!pattern` takes it back in. None: no pattern fits. `name` is the last part of `path`."""
        if not self._may_fit(path, name):
            return None
        if self._spec is None:
            from pathspec import GitIgnoreSpec

            self._spec = GitIgnoreSpec.from_lines(self._lines)
        return self._spec.check_file(f"{path}/" if is_folder else path).include

    def hold(self, path: str) -> bool:
        """`path` ('a/b/' for a folder, 'a/b/c.py' for a file), or a folder on the way to it, is ignored."""
        *folders, last = path.split("/")
        way = [("/".join(folders[: number + 1]), folder, True) for number, folder in enumerate(folders)]
        return any(self.ignores(*step) for step in ([*way, (path, last, False)] if last else way))

    def _may_fit(self, path: str, name: str) -> bool:
        return (
            name in self._names
            or name.endswith(self._suffixes)
            or name.startswith(self._prefixes)
            or (bool(self._folders) and not self._folders.isdisjoint(path.split("/")))
        )


_WILD = re.compile(r"[*?\[\\\s]")
"""What makes a part of a pattern more than a name. White space: git drops it at the end, unless it is escaped."""

"""What each module may never do (docs: the house), read off the syntax of the whole package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "poolaudit"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): file for file in FILES}
TOP = [file for file in PACKAGE.glob("*.py") if file.name not in ("__init__.py", "__main__.py")]
RULES = [file for file in PACKAGE.glob("rules/*/*.py") if file.name != "__init__.py"]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
each_rule = pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
each_top = pytest.mark.parametrize("file", TOP, ids=lambda file: file.stem)


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def relative(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def only_for_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` binds nothing at run time."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def nodes(node: ast.AST, *, inside_functions: bool = True) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if only_for_types(child):
            continue
        if inside_functions or not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from nodes(child, inside_functions=inside_functions)


def imported(file: Path, *, inside_functions: bool = True) -> set[str]:
    """Every module that the file imports: `from poolaudit import edits` and `from poolaudit.edits import Edit` are one."""
    found = set()
    for node in nodes(tree(file), inside_functions=inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{relative(file)}: imports are absolute"
            assert node.module
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= inner or {node.module}
    return found


def imports_package(file: Path, package: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for name in imported(file))


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted name of what is called."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


# --- the walls


MAY_IMPORT_LIBCST = re.compile(r"survey/(read_\w+|places)\.py|codemods\.py")


@each_file
def test_syntax_trees_never_leave_the_survey(file: Path) -> None:
    if not MAY_IMPORT_LIBCST.fullmatch(relative(file)):
        assert not {name for name in imported(file) if name.partition(".")[0] in ("libcst", "libcst_native")} - lazy_doors(file)


def lazy_doors(file: Path) -> set[str]:
    """survey_file itself parses: the only other place, and inside a function."""
    inside = imported(file) - imported(file, inside_functions=False)
    return inside if relative(file) == "survey/__init__.py" else set()


@each_rule
def test_rules_stand_alone(file: Path) -> None:
    """What they know of the survey is its results, and the table of APIs."""
    for name in imported(file) - {"poolaudit.survey.families"}:
        assert not name.startswith(("poolaudit.rules", "poolaudit.catalog", "poolaudit.survey", "libcst", "poolaudit.engine"))


@each_rule
def test_a_rule_ends_with_its_rule(file: Path) -> None:
    last = tree(file).body[-1]
    assert isinstance(last, (ast.Assign, ast.AnnAssign))
    target = last.targets[0] if isinstance(last, ast.Assign) else last.target
    assert ast.unparse(target) == "RULE"
    assert isinstance(last.value, ast.Call)
    arguments = {keyword.arg: keyword.value for keyword in last.value.keywords}
    values = [*last.value.args, *(arguments[name] for name in ("code", "name") if name in arguments)]
    code, name = (value.value for value in values[:2] if isinstance(value, ast.Constant))
    assert ast.unparse(arguments["doc"]) == "__doc__"
    assert name.replace("-", "_") == file.stem, "the file is called as its rule"
    assert re.fullmatch(r"PA\d{3}", code)


TOPICS = {
    "run": "PA0", "advice": "PA1", "pickling": "PA2", "startup": "PA3", "lifetime": "PA4", "results": "PA5", "coroutines": "PA6",
    "calls": "PA7", "throughput": "PA8",
}  # fmt: skip


@each_rule
def test_a_rule_lies_with_its_topic(file: Path) -> None:
    code = re.search(r"\"(PA\d{3})\"", file.read_text("utf-8").rpartition("RULE = ")[2])
    assert code is not None
    assert code[1].startswith(TOPICS[file.parent.name])


@each_rule
def test_the_page_of_a_rule(file: Path) -> None:
    doc = ast.get_docstring(tree(file)) or ""
    summary, _, rest = doc.partition("\n")
    assert re.fullmatch(r"\S.*\.", summary), "line 1 is the summary, one sentence"
    for heading in ("Why it hurts:", "When it is fine:", "Limitations:"):
        assert heading in rest, f"{relative(file)} does not say {heading}"
    assert "```" not in doc


BELOW_THE_CATALOG = (
    "facts",
    "tree",
    "decision",
    "rule",
    "edits",
    "settings",
    "source",
    "suppression",
    "syntax",
    "imports",
    "verify",
    "config",
)


@each_file
def test_nobody_below_the_engine_knows_which_rules_there_are(file: Path) -> None:
    name = relative(file)
    if name.startswith(("rules/", "survey/", "migrate/", "report/")) or file.stem in BELOW_THE_CATALOG:
        assert "poolaudit.catalog" not in imported(file)


FLOORS = {
    "facts": (),
    "source": ("notebook",),
    "magics": ("syntax",),
    "notebook": ("magics", "syntax"),
    "settings": ("facts",),
    "edits": ("facts",),
    "rule": ("edits", "facts", "settings"),
    "syntax": ("facts", "settings", "source"),
    "suppression": ("facts", "source"),
    "config": ("rule", "settings"),
    "imports": ("edits", "facts", "source", "syntax"),
    "verify": ("edits", "facts", "settings", "source", "syntax"),
    "catalog": ("config", "rule", "rules"),
    "disk": ("source",),
    "layout": ("disk",),
    "cache": ("disk", "source"),
    "parallel": (),
    "executors": ("config", "parallel"),
    "discover": ("config", "layout", "report", "source", "survey.families"),
    "selection": ("catalog", "config", "discover", "rule"),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOORS)
def test_the_lower_floors_rest_on_lower_ones(name: str) -> None:
    own = {module.removeprefix("poolaudit.") for module in imported(PACKAGE / f"{name}.py") if module.startswith("poolaudit.")}
    assert own <= set(FLOORS[name])


@each_file
def test_the_lower_floors_know_neither_the_engine_nor_the_command_line(file: Path) -> None:
    upper = {"poolaudit.engine", "poolaudit.cli"}
    if relative(file) not in ("cli.py", "__main__.py", "codemods.py"):
        assert not imported(file) & upper


def test_no_import_circles() -> None:
    """Counted at module level: what a function imports is imported later."""
    edges = {
        name: {other for other in imported(file, inside_functions=False) if other in MODULES and other != name}
        for name, file in MODULES.items()
    }
    # importing a module imports its packages, which is what makes most circles
    for name, others in edges.items():
        for other in list(others):
            parents = {other.rpartition(".")[0]} - {"", "poolaudit"}
            others |= {parent for parent in parents if not name.startswith(f"{parent}.") and parent != name}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, "a circle: " + " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in sorted(edges[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in edges:
        visit(name, ())


# --- who may do what


@each_file
def test_only_the_command_line_prints_exits_and_reads_the_environment(file: Path) -> None:
    if relative(file) in ("cli.py", "__main__.py"):
        return
    names = {name for name, _ in calls(file)}
    assert not names & {"print", "exit", "quit", "sys.exit", "os._exit", "input", "breakpoint"}
    attributes = {ast.unparse(node) for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}
    assert not attributes & {"sys.stdout", "sys.stderr", "sys.stdin", "sys.argv", "os.environ", "os.environb"}
    assert not names & {"os.getenv"}
    assert not imports_package(file, "click")
    assert not any(isinstance(node, ast.Raise) and "SystemExit" in ast.unparse(node) for node in ast.walk(tree(file)))


WRITERS = re.compile(r"\.(write_text|write_bytes|unlink|rename|mkdir|rmdir|touch|symlink_to|hardlink_to)$")
OS_WRITERS = re.compile(
    r"(os\.(replace|rename|remove|unlink|mkdir|makedirs|rmdir|truncate|symlink|link)|shutil\.\w+|tempfile\.\w+)$"
)


@each_file
def test_only_source_opens_a_file_for_writing(file: Path) -> None:
    if relative(file) == "source.py":
        return
    for name, call in calls(file):
        if call.args and ast.unparse(call.args[0]) == "os.devnull":
            continue
        assert not WRITERS.search(name), f"{relative(file)}:{call.lineno}: {name}"
        assert not OS_WRITERS.match(name), f"{relative(file)}:{call.lineno}: {name}"
        if name == "open" or name.endswith(".open"):
            position = 1 if name in ("open", "io.open", "os.open") else 0
            mode = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
            mode = mode or (call.args[position] if len(call.args) > position else None)
            assert mode is None or (isinstance(mode, ast.Constant) and not set(str(mode.value)) & set("wax+")), (
                f"{relative(file)}:{call.lineno}: {ast.unparse(call)}"
            )


@each_file
def test_no_drawers_for_odds_and_ends(file: Path) -> None:
    forbidden = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "context", "misc", "core"}
    assert not set(file.relative_to(PACKAGE).with_suffix("").parts) & forbidden


@each_file
def test_every_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(tree(file)), relative(file)


@each_top
def test_modules_say_what_they_must_never_know(file: Path) -> None:
    doc = " ".join((ast.get_docstring(tree(file)) or "").split())
    assert re.search(r"\bmust never\b", doc, re.IGNORECASE), f"{file.name} does not say what it must never know"
    assert re.search(r"\bknows?\b", doc, re.IGNORECASE), f"{file.name} does not say what it knows"


@each_file
def test_no_star_imports_and_no_asserts_on_input(file: Path) -> None:
    assert not any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree(file)))


def test_the_walls_are_tested_on_what_they_keep_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that nothing can fail proves nothing."""
    monkeypatch.setattr("test_architecture.PACKAGE", tmp_path)
    bad = {
        "import libcst as cst": test_syntax_trees_never_leave_the_survey,
        "def f():\n    from libcst import matchers": test_syntax_trees_never_leave_the_survey,
        "print(1)": test_only_the_command_line_prints_exits_and_reads_the_environment,
        "import os\nx = os.environ['X']": test_only_the_command_line_prints_exits_and_reads_the_environment,
        "raise SystemExit(1)": test_only_the_command_line_prints_exits_and_reads_the_environment,
        "open('x', 'w')": test_only_source_opens_a_file_for_writing,
        "open('x', mode='ab')": test_only_source_opens_a_file_for_writing,
        "path.open('r+')": test_only_source_opens_a_file_for_writing,
        "path.write_text('x')": test_only_source_opens_a_file_for_writing,
        "import os\nos.replace(a, b)": test_only_source_opens_a_file_for_writing,
        "x = 1": test_every_module_says_what_it_is,
        '"""A module."""': test_modules_say_what_they_must_never_know,
        "from x import *": test_no_star_imports_and_no_asserts_on_input,
        "from poolaudit import engine": test_the_lower_floors_know_neither_the_engine_nor_the_command_line,
    }
    for number, (text, check) in enumerate(bad.items()):
        file = tmp_path / f"bad_{number}.py"
        file.write_text(text)
        with pytest.raises(AssertionError):
            check(file)
    (tmp_path / "utils.py").write_text("")
    with pytest.raises(AssertionError):
        test_no_drawers_for_odds_and_ends(tmp_path / "utils.py")


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("evidence", ("rules", "rewriting", "catalog", "edits", "decision", "report")),
        ("rewriting", ("rules", "catalog", "decision", "report", "engine")),
        ("needs", ("rules", "rewriting", "catalog", "edits", "decision", "report")),
    ],
)
def test_rooms_between_facts_and_rules(room: str, never: tuple[str, ...]) -> None:
    files = [file for file in FILES if file.parent.name == room]
    assert files
    for file in files:
        for module in imported(file):
            assert module.removeprefix("poolaudit.").split(".")[0] not in never, f"{relative(file)} imports {module}"

"""The loops over files, for real on the survey, with rules made for the purpose where one must misbehave."""

from __future__ import annotations

import gc
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from poolaudit import catalog, config, engine, fixing, judge, survey
from poolaudit.config import ConfigError
from poolaudit.edits import Edit, Fix, ImportRequest, insert
from poolaudit.facts import FileFacts, PoolSite, Span
from poolaudit.report import FileReport, Report
from poolaudit.rewrite import Rewrite, rewrite_stdin
from poolaudit.rewrite import rewrite as rewrite_files
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings
from poolaudit.source import from_text, read

POOL = """\
from multiprocessing import Pool


def work(item):
    return item


if __name__ == "__main__":
    with Pool(2) as pool:
        print(pool.map(work, [1, 2]))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plant(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_bytes(text.encode())


def audit(*paths: str, **options: Any) -> Report:
    return engine.audit(paths or (".",), config.override(config.load("."), **options))


def codes(file: FileReport) -> list[str]:
    return [each.code for each in file.findings]


def problems(report: Report) -> list[tuple[str, str, int]]:
    """Of the files."""
    return [(problem.code, problem.path, problem.line) for file in report.files for problem in file.problems]


# --- rules made for the purpose


MakeFix = Callable[[re.Match[str]], Fix | None]


def finder(code: str, pattern: str, fix: MakeFix | None = None, **options: Any) -> Rule:
    """A rule that reports every match of a pattern."""

    def check(file: FileFacts, settings: Settings) -> Iterator[Finding]:
        for match in re.finditer(pattern, file.text):
            yield Finding(Span(*match.span()), f"found {match[0]}", fix=fix(match) if fix else None)

    return Rule(code=code, name=f"find-{code.lower()}", severity=options.pop("severity", "warning"), check_file=check, **options)


def to(new: str, applicability: Any = "safe", *imports: ImportRequest) -> MakeFix:
    return lambda match: Fix(f"write {new}", applicability, (Edit(*match.span(), match.expand(new)),), imports)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Replaces the catalogue by the rules given, and the rules about the run."""
    own = tuple(rule for rule in catalog.rules() if rule.code in ("PA001", "PA002"))

    def put(*rules: Rule) -> None:
        everything = catalog.checked((*own, *rules))
        monkeypatch.setattr(catalog, "rules", lambda: everything)
        catalog._by_identity.cache_clear()

    yield put
    catalog._by_identity.cache_clear()


# --- one audit


def test_what_a_report_holds(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.13"\n')
    two = POOL + "from concurrent.futures import *\nProcessPoolExecutor(), ThreadPoolExecutor()\n"
    plant(project, b_pools=two, a_pool=POOL, no_pool="import multiprocessing\n", none="x = 1\n")
    report = audit(ignore=["PA"])
    assert [file.path for file in report.files] == ["a_pool.py", "b_pools.py"]
    assert (report.files_scanned, report.candidates, report.targets) == (4, 2, ((3, 13), (3, 14)))
    assert (report.problems, report.changed, report.fixes_applied) == ((), (), 0)
    pools = report.files[1]
    assert pools.facts is not None
    assert [site.workers for site in pools.facts.sites] == ["process", "process", "thread"]
    assert [decision is not None for decision in pools.decisions] == [True, True, False]
    assert len(pools.readiness) == 3


def test_findings_come_in_order_each_once(project: Path, only: Callable[..., None]) -> None:
    twice = replace(finder("PA900", "work"), check=lambda site, file, settings: iter([Finding(Span(0, 4), "here")] * 2))
    only(twice, finder("PA901", "item|Pool"))
    plant(project, a=POOL)
    (file,) = audit().files
    assert [each.finding.where.start for each in file.findings] == sorted(each.finding.where.start for each in file.findings)
    assert codes(file).count("PA900") == 1 + POOL.count("work")
    assert {each.site for each in file.findings if each.code == "PA900"} == {0, None}


def test_progress(project: Path) -> None:
    plant(project, a=POOL, b=POOL, c="x = 1\n")
    told: list[tuple[str, int, int]] = []
    engine.audit(["."], config.load("."), progress=lambda *step: told.append(step))
    assert told == [("a.py", 0, 2), ("b.py", 1, 2)]


def test_the_interpreter_is_left_as_it_was(project: Path) -> None:
    plant(project, a=POOL)
    before = sys.getrecursionlimit(), gc.get_threshold(), gc.get_freeze_count()
    audit()
    assert (sys.getrecursionlimit(), gc.get_threshold(), gc.get_freeze_count()) == before


def test_what_the_caller_raises_reaches_the_caller(project: Path) -> None:
    plant(project, a=POOL)
    before = sys.getrecursionlimit(), gc.get_threshold(), threading.stack_size()

    def impatient(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.audit(["."], config.load("."), progress=impatient)
    assert (sys.getrecursionlimit(), gc.get_threshold(), threading.stack_size()) == before


def test_rules_are_asked_about_the_workers_that_they_name(project: Path, only: Callable[..., None]) -> None:
    def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
        yield Finding(site.point.span, site.api)

    process = Rule("PA900", "process", "info", check)
    only(
        process,
        replace(process, code="PA901", name="threads", workers=frozenset({"thread"})),
        replace(process, code="PA902", name="others", workers=frozenset({"third-party"})),
    )
    plant(
        project,
        a="import loky, multiprocessing, multiprocessing.dummy\n"
        "multiprocessing.Pool(), multiprocessing.dummy.Pool(), loky.get_reusable_executor()\n",
    )
    (file,) = audit().files
    assert [(each.code, each.finding.message) for each in file.findings] == [
        ("PA900", "multiprocessing.Pool"),
        ("PA901", "multiprocessing.dummy.Pool"),
        ("PA902", "loky.get_reusable_executor"),
    ]


# --- which rules


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"PA900", "PA901"}),
        ({"select": ["PA90"]}, {"PA900", "PA901", "PA902"}),
        ({"select": ["PA902"]}, {"PA902"}),
        ({"select": ["find-pa902", "pa900"]}, {"PA902", "PA900"}),
        ({"extend_select": ["PA902"]}, {"PA900", "PA901", "PA902"}),
        ({"ignore": ["find-pa900"]}, {"PA901"}),
        ({"select": ["PA9"], "ignore": ["PA901"]}, {"PA900", "PA902"}),
        ({"confidence": "likely"}, {"PA900", "PA901", "PA903"}),
    ],
)
def test_selection(project: Path, only: Callable[..., None], options: dict[str, Any], expected: set[str]) -> None:
    likely = finder("PA903", "work", confidence="likely")
    only(finder("PA900", "work"), finder("PA901", "work"), finder("PA902", "work", default=False), likely)
    plant(project, a=POOL)
    (file,) = audit(**options).files
    assert set(codes(file)) == expected


def test_per_file_ignores(project: Path, only: Callable[..., None]) -> None:
    only(finder("PA900", "work"), finder("PA901", "work"))
    (project / "poolaudit.toml").write_text('[per-file-ignores]\n"b.py" = ["PA900"]\n"old/" = ["PA9"]\n"/c.py" = ["PA901"]\n')
    (project / "old").mkdir()
    for folder in (project, project / "old"):
        plant(folder, a=POOL, b=POOL, c=POOL)
    found = {file.path: set(codes(file)) for file in audit().files}
    assert found == {
        "a.py": {"PA900", "PA901"},
        "b.py": {"PA901"},
        "c.py": {"PA900"},
        **{f"old/{name}.py": set() for name in "abc"},
    }


@pytest.mark.parametrize("key", ["select", "extend-select", "ignore", "per-file-ignores"])
def test_an_unknown_rule_is_an_error_even_without_a_pool(project: Path, key: str) -> None:
    value = '{"*.py" = ["unused-ignor"]}' if key == "per-file-ignores" else '["unused-ignor"]'
    (project / "poolaudit.toml").write_text(f"{key} = {value}\n")
    plant(project, a="x = 1\n")
    with pytest.raises(ConfigError, match=r"unknown rule 'unused-ignor' \(did you mean unused-ignore\?\)"):
        audit()


# --- what cannot be read


def test_bad_files_do_not_stop_the_rest(project: Path) -> None:
    plant(
        project,
        a_good=POOL,
        python_2=POOL.replace("print(pool", "print (pool").replace("2]))", "2])), 'x' % 1\n        print 'done'"),
    )
    plant(project, half=POOL + "x = (\n", tabs=POOL + "\tif x:\n        y\n")
    (project / "latin.py").write_bytes(POOL.encode() + b"x = '\xe9'\n")
    (project / "nul.py").write_bytes(POOL.encode() + b"\0")
    plant(project, deep=POOL + "(" * 5000 + ")" * 5000, terms=POOL + "x = " + " + ".join(["x"] * 1000) + "\n")
    report = audit()
    assert [file.path for file in report.files if file.facts] == ["a_good.py", "terms.py"]
    assert problems(report) == [
        ("PA001", "deep.py", 0),
        ("PA001", "half.py", 11),
        ("PA001", "latin.py", 11),
        ("PA001", "nul.py", 11),
        ("PA001", "python_2.py", 11),
        ("PA001", "tabs.py", 11),
    ]
    messages = {file.path: file.problems[0].message for file in report.files if file.problems}
    assert "Missing parentheses in call to 'print'" in messages["python_2.py"]
    assert messages["python_2.py"].endswith("(this looks like Python 2)")
    assert not any("Python 2" in message for path, message in messages.items() if path != "python_2.py")


@pytest.mark.parametrize("line", ["raise IOError, 'x'", "exec code", "x <> y", "x = 0777", "x = `y`"])
def test_what_looks_like_python_2(project: Path, line: str) -> None:
    plant(project, old=POOL + f"    {line}\n")
    assert "this looks like Python 2" in audit().files[0].problems[0].message


def test_pa001_can_be_ignored(project: Path) -> None:
    plant(project, a="from multiprocessing import Pool\nprint 'x'\n", b="from multiprocessing import Pool\nprint 'x'\n")
    assert problems(audit()) == [("PA001", "a.py", 2), ("PA001", "b.py", 2)]
    assert audit(ignore=["PA001"]).files == ()
    assert problems(audit(select=["PA502"])) == problems(audit())
    (project / "poolaudit.toml").write_text('per-file-ignores = {"a.py" = ["unreadable-file"]}\n')
    assert problems(audit()) == [("PA001", "b.py", 2)]


def test_folders_are_problems_of_the_run(project: Path) -> None:
    plant(project, a=POOL)
    report = audit("gone", "a.py")
    assert [(problem.code, problem.path) for problem in report.problems] == [("PA001", "gone")]
    assert [file.path for file in report.files] == ["a.py"]
    assert audit("gone", "a.py", ignore=["PA001"]).problems == ()


@pytest.mark.parametrize("text", ["x" + ".y" * 2500, "x" + "[0]" * 2500, "-" * 2500 + "x", " or ".join(["x"] * 20_000)])
def test_deep_expressions_are_surveyed_or_are_a_problem(project: Path, text: str) -> None:
    plant(project, a=POOL, deep=POOL + f"{text}\n")
    report = audit()
    assert report.problems == ()
    assert [file.path for file in report.files] == ["a.py", "deep.py"]
    assert report.files[1].facts or problems(report) == [("PA001", "deep.py", 0)]


def test_recursion_in_the_survey_is_a_problem_of_that_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = survey.survey_file

    def endless(path: str, *rest: Any, **options: Any) -> FileFacts:
        if path == "a.py":
            raise RecursionError("maximum recursion depth exceeded")
        return real(path, *rest, **options)

    monkeypatch.setattr(survey, "survey_file", endless)
    plant(project, a=POOL, b=POOL)
    report = audit()
    assert problems(report) == [("PA001", "a.py", 0)]
    assert report.files[1].facts is not None


# --- bugs in parts


def crashing(error: Exception, after: int = 0) -> Rule:
    def check(file: FileFacts, settings: Settings) -> Iterator[Finding]:
        for start in range(after):
            yield Finding(Span(start, start + 1), "before the crash")
        raise error

    return Rule("PA900", "crashes", "error", check_file=check)


@pytest.mark.parametrize("error", [KeyError("no such thing"), RecursionError("too deep"), AssertionError(), MemoryError("big")])
def test_a_rule_that_raises_is_named_and_the_others_go_on(project: Path, only: Callable[..., None], error: Exception) -> None:
    only(crashing(error, after=2), finder("PA901", "work"))
    plant(project, a=POOL, b=POOL)
    report = audit()
    assert [codes(file) for file in report.files] == [["PA901"] * 2] * 2
    assert problems(report) == []
    assert [(problem.code, problem.path) for problem in report.problems] == [("crash", "a.py"), ("crash", "b.py")]
    message = report.problems[0].message
    assert message.startswith(f"rule PA900 (crashes) crashed: {type(error).__name__}: ")
    assert re.search(r"\(test_engine\.py:\d+\)$", message)


def test_a_crash_of_the_survey_or_the_tree_is_a_problem_of_the_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyError("bug")

    plant(project, a=POOL)
    monkeypatch.setattr("poolaudit.decision.decide_site", crash)
    report = audit()
    assert [problem.message.partition(":")[0] for problem in report.problems] == ["the decision crashed"]
    assert report.files[0].decisions == (None,)
    monkeypatch.setattr(survey, "survey_file", crash)
    report = audit()
    assert [problem.message.partition(":")[0] for problem in report.problems] == ["the survey crashed"]
    assert report.files == ()


def test_audit_source_keeps_a_crash_with_its_file(only: Callable[..., None], project: Path) -> None:
    only(crashing(KeyError("bug")))
    report = engine.audit_source(from_text(POOL, "a.py"), config.load("."))
    assert [problem.code for problem in report.problems] == ["crash"]


# --- comments and supersession


def test_comments_suppress(project: Path, only: Callable[..., None]) -> None:
    only(finder("PA900", r"f\(\w*\)"), finder("PA901", "h"))
    text = """\
from multiprocessing import Pool
f(1)  # poolaudit: ignore[PA900] reason
f(2)  # poolaudit: ignore[find-pa900]
f(3)  # noqa: PA900
f(4)  # noqa
f(5)  # poolaudit: ignore[PA901]
# poolaudit: ignore[pa900]
f(6)
f(
)  # poolaudit: ignore[PA900]
f(7) or (
    f(8)
)  # poolaudit: ignore[PA900]
"""
    plant(project, a=text)
    (file,) = audit("a.py").files
    shown = [text[each.finding.where.start : each.finding.where.end] for each in file.findings if not each.suppressed]
    assert shown == ["f(4)", "f(5)"]
    assert len(file.findings) == 8
    plant(project, a=text + "# poolaudit: ignore-file[PA900]\n")
    assert all(each.suppressed for each in audit("a.py").files[0].findings)


def test_one_line_one_finding(project: Path, only: Callable[..., None]) -> None:
    only(
        finder("PA900", r"f\(\)", supersedes=("PA901",)),
        finder("PA901", r"[fg]\(\)", supersedes=("PA902",)),
        finder("PA902", r"[fgh]\(\)"),
    )
    plant(project, a="from multiprocessing import Pool\nf()\ng()\nh()\nf(); h()\nf()  # poolaudit: ignore[PA900]\n")
    (file,) = audit("a.py").files
    lines = read("a.py").text[: len(read("a.py").text)]
    assert [(each.code, lines.count("\n", 0, each.finding.where.start) + 1) for each in file.findings] == [
        ("PA900", 2),
        ("PA901", 3),
        ("PA902", 4),
        ("PA900", 5),
        ("PA900", 6),
    ]
    (file,) = audit("a.py", ignore=["PA900"]).files
    assert codes(file) == ["PA901", "PA901", "PA902", "PA901", "PA901"]


def test_unused_comments_in_a_full_scan_only(project: Path, only: Callable[..., None]) -> None:
    only(finder("PA900", "zzz"), finder("PA901", "yyy"), finder("PA902", "yyy", default=False))
    text = """\
from multiprocessing import Pool as P
a = 1  # poolaudit: ignore[PA900]
b = 1  # poolaudit: ignore[PA902] not selected
c = zzz  # poolaudit: ignore[PA900, PA901, nonsense]
d = 1  # noqa: PA900
# poolaudit: ignore-file[PA901]
e = 1  # poolaudit: assume[no-cancel]
f = 1  # poolaudit: ignore
"""
    plant(project, a=text)
    (project / "poolaudit.toml").touch()
    (file,) = audit().files
    assert [(each.code, each.finding.message) for each in file.findings if not each.suppressed] == [
        ("PA002", "`ignore[PA900]` suppresses nothing"),
        ("PA002", "`ignore[PA901]` suppresses nothing"),
        ("PA002", "`ignore[nonsense]`: unknown rule 'nonsense'"),
        ("PA002", "`ignore-file[PA901]` suppresses nothing"),
        ("PA002", "`assume[no-cancel]` answers no question that is asked of a pool here"),
        ("PA002", "`ignore` names no rule: write `ignore[PA502] reason`"),
    ]
    assert all(each.suppressed for file in audit("a.py").files for each in file.findings)
    assert codes(audit(select=["PA900"]).files[0]) == ["PA900"]


@pytest.mark.parametrize(
    ("at_pool", "at_call", "because"),
    [("", "", ""), ("  # poolaudit: assume[cancel] told", "", "assumed: told"), ("", "  # poolaudit: assume[cancel]", "assumed")],
)
def test_an_assumption_reaches_the_tree(project: Path, at_pool: str, at_call: str, because: str) -> None:
    with_pool = f"    with Pool(2) as pool:{at_pool}\n        print(pool.map(work, [1, 2])){at_call}\n"
    plant(project, a=POOL[: POOL.index("    with")] + with_pool)
    (file,) = audit().files
    (decision,) = file.decisions
    assert decision is not None
    assert "".join(each.evidence.because for each in decision.trace if "assumed" in each.evidence.because) == because
    assert codes(file).count("PA002") == 0


# --- standard input


def test_standard_input(project: Path, only: Callable[..., None]) -> None:
    only(finder("PA900", "work"))
    settings = config.load(".")
    report = engine.audit_stdin(POOL.encode(), "pkg/a.py", settings)
    assert [(file.path, codes(file)) for file in report.files] == [("pkg/a.py", ["PA900"] * 2)]
    assert (report.files_scanned, report.candidates) == (1, 1)
    assert engine.audit_stdin(b"x = 1\n", "a.py", settings).files == ()
    broken = engine.audit_stdin(POOL.encode() + b"\xff", "a.py", settings)
    assert problems(broken) == [("PA001", "a.py", 11)]
    excluded = config.override(settings, exclude=["pkg"])
    assert engine.audit_stdin(POOL.encode(), "pkg/a.py", excluded).candidates == 1
    assert engine.audit_stdin(POOL.encode(), "pkg/a.py", config.override(excluded, force_exclude=True)).files_scanned == 0


def test_audit_source_does_not_ask_the_gate(project: Path) -> None:
    assert engine.audit_source(from_text("x = 1\n", "a.py"), config.load(".")).facts is not None
    deep = engine.audit_source(from_text("Pool" + "(" * 5000 + ")" * 5000, "a.py"), config.load("."))
    assert [problem.code for problem in deep.problems] == ["PA001"]


# --- rewriting


def rewrite(*rules: Rule, only: Callable[..., None], unsafe: bool = False, write: bool = False, **options: Any) -> Rewrite:
    only(*rules)
    return rewrite_files(["."], config.override(config.load("."), **options), unsafe=unsafe, write=write)


HEAD = "from multiprocessing import Pool\n"


def test_safe_fixes_only_unless_asked(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "a = 1\nb = 1\n", b=HEAD + "c = 1\n")
    rules = finder("PA900", "^a", None), finder("PA901", r"(?m)^a\b", to("x")), finder("PA902", r"(?m)^b\b", to("y", "unsafe"))
    done = rewrite(*rules, only=only)
    assert [(patch.path, patch.before, patch.after) for patch in done.patches] == [
        ("a.py", HEAD + "a = 1\nb = 1\n", HEAD + "x = 1\nb = 1\n")
    ]
    assert [each.code for each in done.patches[0].fixed] == ["PA901"]
    assert (done.report.changed, done.report.fixes_applied) == (("a.py",), 1)
    assert codes(done.report.files[0]) == ["PA902"]
    assert read("a.py").text == HEAD + "a = 1\nb = 1\n"
    done = rewrite(*rules, only=only, unsafe=True, write=True)
    assert read("a.py").text == done.patches[0].after == HEAD + "x = 1\ny = 1\n"
    assert rewrite(*rules, only=only, unsafe=True).patches == ()


def test_bytes_outside_the_edits_stay(project: Path, only: Callable[..., None]) -> None:
    data = b"\xef\xbb\xbf" + (HEAD + "a = 'caf\u00e9'  # c\n\x0cb = 2\n").replace("\n", "\r\n").encode()
    (project / "a.py").write_bytes(data)
    (project / "a.py").chmod(0o750)
    rewrite(finder("PA900", r"\ba\b", to("x", "safe", ImportRequest("os"))), only=only, write=True)
    assert (project / "a.py").read_bytes() == data.replace(b"a = 'caf", b"x = 'caf").replace(
        b"Pool\r\n", b"Pool\r\nimport os\r\n"
    )
    assert (project / "a.py").stat().st_mode & 0o777 == 0o750


def test_overlapping_fixes_land_in_rounds(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "x = f(a)\n")
    wrap = finder(
        "PA900", r"(?<!list\()f\(\w+\)", lambda match: Fix("", "safe", (insert(match.start(), "list("), insert(match.end(), ")")))
    )
    rename = finder("PA901", r"f\(a\)", to("f(b)"))
    done = rewrite(wrap, rename, only=only)
    assert done.patches[0].after == HEAD + "x = list(f(b))\n"
    assert [each.code for each in done.patches[0].fixed] == ["PA900", "PA901"]


def test_imports_of_several_fixes_are_merged(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "x = a\ny = b\nz = a\n")
    one = finder("PA900", r"\ba\b", to("cache", "safe", ImportRequest("functools", "cache")))
    two = finder("PA901", r"\bb\b", to("wraps", "safe", ImportRequest("functools", "wraps"), ImportRequest("os")))
    done = rewrite(one, two, only=only)
    assert done.patches[0].after == HEAD + "import os\nfrom functools import cache, wraps\nx = cache\ny = wraps\nz = cache\n"
    assert done.report.fixes_applied == 3


def test_two_fixes_that_want_one_name(project: Path, only: Callable[..., None]) -> None:
    """The second finds the name taken when its turn comes, and is not offered any more."""
    plant(project, a=HEAD + "x = a\ny = b\n")
    one = finder("PA900", r"\ba\b", to("Name", "safe", ImportRequest("one", "Name")))
    two = finder("PA901", r"\bb\b", to("Name", "safe", ImportRequest("two", "Name")))
    done = rewrite(one, two, only=only)
    assert done.patches[0].after == HEAD + "from one import Name\nx = Name\ny = b\n"
    (left,) = done.report.files[0].findings
    assert (left.code, left.fix, left.finding.notes) == (
        "PA901",
        None,
        ("no fix: `Name` already means something else in this file",),
    )


def test_all_edits_of_an_offered_fix_are_reported(project: Path, only: Callable[..., None]) -> None:
    only(finder("PA900", r"\ba\b", to("cache", "safe", ImportRequest("functools", "cache"))))
    plant(project, a=HEAD + "x = a\n")
    (each,) = audit().files[0].findings
    assert each.edits == (insert(len(HEAD), "from functools import cache\n"), Edit(len(HEAD) + 4, len(HEAD) + 5, "cache"))


def test_a_suppressed_finding_is_not_fixed(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "a = 1  # poolaudit: ignore[PA900]\na = 2\n")
    done = rewrite(finder("PA900", r"(?m)^a\b", to("x")), only=only)
    assert done.patches[0].after == HEAD + "a = 1  # poolaudit: ignore[PA900]\nx = 2\n"


REFUSED = {
    "syntax": (finder("PA900", r"\ba\b", to("(")), "the new text does not compile for Python"),
    "still there": (finder("PA900", r"\ba+\b", to("aa")), "PA900 is still found in the new text"),
    "a new finding": (finder("PA900", r"\ba\b", to("new")), "the new text has 1 finding of PA902 that the old one has not"),
    "a lost comment": (finder("PA900", r"a = 1  # why", to("x = 1")), "a comment would be lost: # why"),
    "code that vanishes": (finder("PA900", r"\ba = (?=1)", to("x = '''\\\\\n")), "the new text does not compile"),
}


@pytest.mark.parametrize(("culprit", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_culprit_is_named_and_the_others_land(project: Path, only: Callable[..., None], culprit: Rule, reason: str) -> None:
    plant(project, a=HEAD + "b = 0\na = 1  # why\nb = 2\n")
    good = finder("PA901", r"\bb\b", to("x"))
    done = rewrite(culprit, good, finder("PA902", "new"), only=only, write=True)
    assert read("a.py").text == HEAD + "x = 0\na = 1  # why\nx = 2\n"
    assert [each.code for each in done.patches[0].fixed] == ["PA901", "PA901"]
    (problem,) = done.report.files[0].problems
    assert (problem.code, problem.path, problem.line) == ("PA900", "a.py", 3)
    assert problem.message.startswith(f"the fix of find-pa900 was refused: {reason}")
    (left,) = done.report.files[0].findings
    assert (left.code, left.fix, left.edits) == ("PA900", None, ())


def test_rules_that_are_off_by_selection_still_guard(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "a = 1\n")
    done = rewrite(finder("PA900", r"\ba\b", to("new")), finder("PA901", "new"), only=only, select=["PA900"])
    assert done.patches == ()
    assert "1 finding of PA901" in done.report.files[0].problems[0].message


def test_advice_may_come_with_a_fix(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "a = 1\n")
    done = rewrite(finder("PA900", r"\ba\b", to("new")), finder("PA901", "new", severity="info"), only=only)
    assert done.patches[0].after == HEAD + "new = 1\n"


def test_fixes_that_undo_each_other_are_dropped(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "a = 1\n", b=HEAD + "c = 1\n")
    done = rewrite(
        finder("PA900", r"\ba\b", to("b"), severity="info"),
        finder("PA901", r"\bb\b", to("a"), severity="info"),
        finder("PA902", r"\bc\b", to("d")),
        only=only,
        write=True,
    )
    assert read("a.py").text == HEAD + "a = 1\n"
    assert [patch.path for patch in done.patches] == ["b.py"]
    assert [problem.message for problem in done.report.problems] == [
        "fixes undo each other and were all dropped: PA900 find-pa900"
    ]


def test_fixes_without_an_end_are_dropped(project: Path, only: Callable[..., None]) -> None:
    plant(project, a=HEAD + "a = 1\n")
    even = finder("PA900", r"\b(aa)*a\b", to(r"\g<0>a"), severity="info")
    odd = finder("PA901", r"\b(aa)+\b", to(r"\g<0>a"), severity="info")
    done = rewrite(even, odd, only=only)
    assert done.patches == ()
    assert done.report.problems[0].message.startswith(
        f"fixes come to no end after {fixing.ROUNDS} rounds and were all dropped: PA900"
    )


@pytest.mark.parametrize("edit", [Edit(0, 10_000, ""), Edit(-1, 0, "x"), Edit(4, 2, "")])
def test_a_fix_that_makes_no_sense_is_a_crash_of_its_rule(project: Path, only: Callable[..., None], edit: Edit) -> None:
    plant(project, a=HEAD + "a = 1\nb = 1\n")
    done = rewrite(
        finder("PA900", r"\ba\b", lambda match: Fix("", "safe", (edit,))), finder("PA901", r"\bb\b", to("x")), only=only
    )
    assert done.patches[0].after == HEAD + "a = 1\nx = 1\n"
    assert {problem.message.partition(":")[0] for problem in done.report.problems} == {"the fix of PA900 (find-pa900) crashed"}


def test_a_file_that_changes_meanwhile_is_left_alone(
    project: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(project, a=HEAD + "a = 1\n", b=HEAD + "a = 1\n")
    real = fixing.fix

    def slow(source: Any, *rest: Any, **options: Any) -> fixing.Fixed:
        if source.name == "a.py":
            plant(project, a="somebody = 'else'\n")
        return real(source, *rest, **options)

    monkeypatch.setattr(fixing, "fix", slow)
    done = rewrite(finder("PA900", r"\ba\b", to("x")), only=only, write=True)
    assert read("a.py").text == "somebody = 'else'\n"
    assert [patch.path for patch in done.patches] == ["b.py"]
    assert [(problem.code, problem.message) for problem in done.report.files[0].problems] == [
        ("not-written", "a.py has changed on disk meanwhile: not written")
    ]


def test_a_full_disk_is_a_problem_of_the_file(project: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    plant(project, a=HEAD + "a = 1\n")
    monkeypatch.setattr(os, "replace", full)
    done = rewrite(finder("PA900", r"\ba\b", to("x")), only=only, write=True)
    assert done.patches == ()
    assert problems(done.report) == [("not-written", "a.py", 0)]
    assert read("a.py").text == HEAD + "a = 1\n"


def test_a_bug_in_the_gate_leaves_the_file_alone(
    project: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyError("bug")

    plant(project, a=HEAD + "a = 1\n")
    monkeypatch.setattr("poolaudit.verify.check_text", crash)
    done = rewrite(finder("PA900", r"\ba\b", to("x")), only=only, write=True)
    assert done.patches == ()
    assert [problem.message.partition(":")[0] for problem in done.report.problems] == ["fixing crashed"]
    assert codes(done.report.files[0]) == ["PA900"]
    assert read("a.py").text == HEAD + "a = 1\n"


def test_rewriting_standard_input(project: Path, only: Callable[..., None]) -> None:
    only(finder("PA900", r"\ba\b", to("x")))
    settings = config.load(".")
    done = rewrite_stdin((HEAD + "a = 1\n").encode(), "pkg/a.py", settings)
    assert [(patch.path, patch.after) for patch in done.patches] == [("pkg/a.py", HEAD + "x = 1\n")]
    assert rewrite_stdin(b"a = 1\n", "a.py", settings).patches == ()
    assert not (project / "pkg").exists()


def test_judging_is_done_with_plain_values(project: Path) -> None:
    """What goes in and comes out can cross to another process."""
    import pickle

    from poolaudit.selection import Selection

    settings = config.load(".")
    source = pickle.loads(pickle.dumps(from_text(POOL, "a.py")))
    report = judge.judge(source, pickle.loads(pickle.dumps(settings)), Selection(settings))
    assert pickle.loads(pickle.dumps(report)).path == "a.py"

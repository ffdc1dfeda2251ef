"""Which files are looked at, and which of them may hold a pool."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from poolaudit import config, discover
from poolaudit.discover import Patterns
from poolaudit.source import Unreadable
from poolaudit.survey.families import APIS, BORROWED, LEAF_NAMES, MOVABLE_NAMES
from poolaudit.survey.families import PARTS as PARTS_OF_NAMES

POOL = "from multiprocessing import Pool\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plant(folder: Path, *names: str, text: str = POOL) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def names(*paths: str, **options: object) -> list[str]:
    found = discover.discover(paths or (".",), config.override(config.load("."), **options))  # type: ignore[arg-type]
    assert found.problems == found.unreadable == ()
    assert found.files_scanned == len(found.scanned)
    return [source.name for source in found.candidates]


# --- folders


def test_python_files_of_folders_sorted_and_relative(project: Path) -> None:
    plant(project, "b.py", "a.pyi", "pkg/sub/c.py", "pkg/__init__.py", "notes.txt", "script", "d.PY", "e.pyc")
    assert names() == ["a.pyi", "b.py", "pkg/__init__.py", "pkg/sub/c.py"]
    assert names("./pkg/") == ["pkg/__init__.py", "pkg/sub/c.py"]
    assert names("pkg/../b.py") == ["b.py"]


def test_no_file_twice(project: Path) -> None:
    plant(project, "pkg/a.py", "b.py")
    assert names("pkg", ".", "pkg/a.py", str(project / "b.py")) == ["b.py", "pkg/a.py"]


def test_absolute_paths_stay_absolute(project: Path) -> None:
    plant(project, "pkg/a.py")
    assert names(str(project / "pkg")) == [f"{project}/pkg/a.py"]


def test_strange_names(project: Path) -> None:
    plant(project, "with space.py", "ünï.py", "new\nline.py")
    (project / os.fsdecode(b"not-utf8-\xff.py")).write_text(POOL)
    assert set(names()) == {"with space.py", "ünï.py", "new\nline.py", "not-utf8-\udcff.py"}


def test_a_folder_called_like_a_file_is_no_file(project: Path) -> None:
    plant(project, "folder.py/inner.py", "a.py")
    assert names() == ["a.py"]
    assert names("folder.py") == ["folder.py/inner.py"]


def test_folders_that_are_not_the_projects_own_are_skipped(project: Path) -> None:
    plant(project, *(f"{folder}/a.py" for folder in config.DEFAULT_EXCLUDE), "pkg/node_modules/x/b.py", "builds/c.py", "dist.py")
    assert names() == ["builds/c.py", "dist.py"]


def test_symlinked_folders_are_not_entered(project: Path) -> None:
    plant(project, "pkg/a.py")
    (project / "pkg/loop").symlink_to(project / "pkg", target_is_directory=True)
    (project / "alias").symlink_to(project / "pkg", target_is_directory=True)
    (project / "self").symlink_to("self")
    assert names() == ["pkg/a.py"]
    assert names("alias") == ["alias/a.py"]


def test_a_symlinked_file_is_taken_once(project: Path) -> None:
    plant(project, "src/pkg/a.py", "elsewhere/b.py")
    for link, target in {
        "a_link.py": "pkg/a.py",
        "b1.py": "../elsewhere/b.py",
        "b2.py": "../elsewhere/b.py",
        "gone.py": "gone",
    }.items():
        (project / "src" / link).symlink_to(target)
    assert names("src") == ["src/b1.py", "src/pkg/a.py"]


# --- ignoring


def test_gitignore_files_above_below_and_of_the_repository(project: Path) -> None:
    (project / ".git/info").mkdir(parents=True)
    (project / ".git/info/exclude").write_text("private.py\n")
    (project / ".gitignore").write_text("*_generated.py\n/top.py\nlogs/*\n!logs/keep.py\n# comment\n\n")
    plant(
        project, "a.py", "top.py", "private.py", "src/x_generated.py", "src/top.py", "src/pkg/b.py", "src/pkg/c.py", "logs/d.py"
    )
    plant(project, "logs/keep.py", "src/pkg/y_generated.py")
    (project / "src/pkg/.gitignore").write_text("b.py\n!y_generated.py\n")
    everything = ["a.py", "logs/keep.py", "src/pkg/c.py", "src/pkg/y_generated.py", "src/top.py"]
    assert names() == everything
    assert names("src") == [name for name in everything if name.startswith("src/")]
    assert names("src/pkg") == [name for name in everything if name.startswith("src/pkg/")]


def test_gitignore_counts_below_the_walk_without_a_repository(project: Path) -> None:
    (project / ".gitignore").write_text("a.py\n")
    (project / "pkg").mkdir()
    plant(project, "a.py", "pkg/a.py", "pkg/b.py")
    assert names() == ["pkg/b.py"]
    assert names("pkg") == ["pkg/a.py", "pkg/b.py"]


def test_the_exclude_file_of_a_linked_work_tree(project: Path) -> None:
    (project / "main/.git/info").mkdir(parents=True)
    (project / "main/.git/info/exclude").write_text("private.py\n")
    (project / "main/.git/worktrees/linked").mkdir(parents=True)
    (project / "main/.git/worktrees/linked/commondir").write_text("../..\n")
    plant(project, "linked/private.py", "linked/a.py")
    (project / "linked/.git").write_text(f"gitdir: {project}/main/.git/worktrees/linked\n")
    assert names("linked") == ["linked/a.py"]


def test_files_named_explicitly_are_looked_at(project: Path) -> None:
    (project / ".gitignore").write_text("a.py\n")
    plant(project, "a.py", "build/b.py", "tests/c.py")
    given = ("a.py", "build/b.py", "tests/c.py")
    assert names(*given, exclude=["tests"]) == ["a.py", "build/b.py", "tests/c.py"]
    assert names(*given, exclude=["tests"], force_exclude=True) == ["a.py"]
    assert names("build", "tests", exclude=["tests"], force_exclude=True) == []


def test_a_folder_named_explicitly_is_entered_even_if_ignored(project: Path) -> None:
    (project / ".git").mkdir()
    (project / ".gitignore").write_text("generated/\n")
    plant(project, "generated/a.py", "generated/__pycache__/b.py", "build/lib/c.py", "build/.venv/d.py")
    assert names() == []
    assert names("generated") == ["generated/a.py"]
    assert names("build/lib", "build") == ["build/lib/c.py"]


def test_excludes_are_relative_to_the_root(project: Path) -> None:
    (project / "poolaudit.toml").write_text('extend-exclude = ["pkg/old", "*_pb2.py", "/top.py"]\n')
    plant(project, "pkg/old/a.py", "old/b.py", "pkg/c_pb2.py", "top.py", "pkg/top.py")
    assert names() == ["old/b.py", "pkg/top.py"]
    assert names("pkg") == ["pkg/top.py"]


def test_full_only_when_the_root_is_covered(project: Path) -> None:
    plant(project, "pkg/a.py", "b.py")
    (project / "poolaudit.toml").touch()

    def full(*paths: str) -> bool:
        return discover.discover(paths, config.load(".")).full

    assert full(".")
    assert full("pkg", str(project.parent))
    assert not full("pkg", "b.py")


PARTS = ["a", "b", "*", "**", "a*", "*b", "?b", "[ab]", "*.py", "a.py", "ab", r"\!a", "b "]
LINE = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "!", "/", "!/", "**/"]),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "", "/", "/**"]),
)


@settings(deadline=None)
@given(
    st.lists(LINE, max_size=4),
    st.lists(st.sampled_from(["a", "b", "ab", "ba", "a.py", "!a", "b "]), min_size=1, max_size=3),
    st.booleans(),
)
@example(["docs/**", "!docs/a/"], ["docs", "a"], True)
def test_the_quick_look_never_changes_what_pathspec_says(lines: list[str], parts: list[str], is_folder: bool) -> None:
    path = "/".join(parts)
    asked = f"{path}/" if is_folder else path
    spec = GitIgnoreSpec.from_lines(lines)
    # a pattern that fits a folder on the way has been asked about that folder
    on_the_way = ["/".join(parts[:end]) + "/" for end in range(1, len(parts))]
    if not any(spec.match_file(folder) for folder in on_the_way):
        assert bool(Patterns(lines).ignores(path, parts[-1], is_folder)) == bool(spec.match_file(asked))


# --- what is no Python, or cannot be read


@pytest.mark.parametrize(
    ("name", "text", "taken"),
    [
        ("script", POOL, True),
        ("wscript", "#!/bin/sh\n" + POOL, True),
        ("tool.cgi", "#!/usr/bin/env python3\n" + POOL, True),
        ("tool.sh", "#!/bin/sh\n" + POOL, False),
        ("README.md", POOL, False),
        ("window.pyw", POOL, True),
    ],
)
def test_files_without_the_suffix_only_by_name(project: Path, name: str, text: str, taken: bool) -> None:
    plant(project, name, text=text)
    assert names() == []
    assert names(name) == ([name] if taken else [])


def test_what_does_not_exist_and_what_cannot_be_listed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(project, "open/a.py", "locked/b.py")
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if path == "locked/":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = discover.discover([".", "gone.py"], config.load("."))
    assert [source.name for source in found.candidates] == ["open/a.py"]
    assert [(problem.code, problem.path, problem.message) for problem in found.problems] == [
        ("PA001", "locked", "the folder cannot be read: Permission denied"),
        ("PA001", "gone.py", "no such file or folder"),
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is locked to root")
def test_a_locked_folder_and_a_locked_file(project: Path) -> None:
    plant(project, "locked/b.py", "a.py", "c.py")
    (project / "locked").chmod(0)
    (project / "c.py").chmod(0)
    try:
        found = discover.discover(["."], config.load("."))
    finally:
        (project / "locked").chmod(0o700)
    assert [problem.path for problem in found.problems] == ["locked"]
    assert [problem.path for problem in found.unreadable] == ["c.py"]


def test_files_that_cannot_be_read_do_not_stop_the_rest(project: Path) -> None:
    plant(project, "a.py", "z.py")
    (project / "bytes.py").write_bytes(POOL.encode() + b"x = '\xff'\n")
    (project / "nul.py").write_bytes(POOL.encode() + b"x = '\0'\n")
    (project / "no_pool.py").write_bytes(b"x = '\xff'\n")
    (project / "deep.py").write_text(POOL + "(" * 5000 + ")" * 5000)
    found = discover.discover(["."], config.load("."))
    assert [source.name for source in found.candidates] == ["a.py", "z.py"]
    assert [(problem.path, problem.line, problem.column) for problem in found.unreadable] == [
        ("bytes.py", 2, 6),
        ("deep.py", 0, 0),
        ("nul.py", 2, 6),
    ]
    assert found.files_scanned == 6


# --- needles and gate


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("from multiprocessing import Pool", True),
        ("import multiprocessing as mp\nmp.Pool()", True),
        ("import multiprocessing\nmultiprocessing.get_context('spawn').Pool()", True),
        ("from concurrent.futures import ProcessPoolExecutor as P", True),
        ("import concurrent.futures.process\nx = concurrent.futures.process.ProcessPoolExecutor", True),
        ("from multiprocessing import *\nPool()", True),
        ("import joblib.externals.loky as l\nl.get_reusable_executor()", True),
        ("# from multiprocessing import Pool", False),
        ("'multiprocessing.Pool'", False),
        ("from multiprocessing import Process", False),
        ("from concurrent.futures import ThreadPoolExecutor", False),
        ("print 'Pool'", True),
        ("x = Pool(\0)", True),
        ("Pool; " + "(" * 300 + ")" * 300, True),
        ("Pool; x" + " + x" * 50_000, "nested too deeply"),
        ("print 'Pool', " + "(" * 3000 + ")" * 3000, "nested too deeply"),
        ("Pool = [" + "1, " * 600_000 + "]", "too large"),
        ("Pool = '" + "abc " * 600_000 + "'", True),
        ("Pool or " + " or ".join(["x"] * 5000), "nested too deeply"),
        ("Pool or " + " or ".join(["x"] * 500), True),
        ("Pool\n" + "for x in y: z or x\n" * 5000, True),
    ],
)
def test_gate(text: str, verdict: bool | str) -> None:
    if isinstance(verdict, str):
        with pytest.raises(Unreadable, match=verdict):
            discover.gate(text.encode())
    else:
        assert discover.gate(text.encode()) == verdict


@pytest.mark.parametrize("api", [api for api in APIS.values() if api.workers != "thread"], ids=lambda api: api.name)
def test_every_api_passes(api: object) -> None:
    """However it is imported, a file that names an API of the table is never dropped."""
    name: str = api.name  # type: ignore[attr-defined]
    module, _, leaf = name.replace("Manager().", "").rpartition(".")
    for text in (f"from {module} import {leaf} as X", f"import {module} as m\nm.{leaf}", f"import {module}\n{module}.{leaf}()"):
        assert discover.candidate(text.encode(), "a.py") is not None


def test_the_gate_knows_only_names_that_the_table_has() -> None:
    assert {api.name.rpartition(".")[2] for api in APIS.values() if api.workers != "thread"} <= LEAF_NAMES


def test_what_files_are_searched_for_first_is_in_all_that_they_may_name() -> None:
    for name in (*(leaf.encode() for leaf in MOVABLE_NAMES), *BORROWED):
        assert any(part in name for part in PARTS_OF_NAMES), name


def test_invalid_escapes_of_others_are_not_our_warnings(project: Path, recwarn: pytest.WarningsRecorder) -> None:
    plant(project, "a.py", text=POOL + "x = '\\d'\n")
    assert names() == ["a.py"]
    assert len(recwarn) == 0


def test_ten_megabytes_on_one_line(project: Path) -> None:
    """Whatever is on it: a file without a pool costs next to nothing, and one with a pool does not take the machine along."""
    started = time.perf_counter()
    numbers = "x = [" + "1, " * 3_500_000 + "]\n"
    assert len(numbers) > 10_000_000
    plant(project, "numbers.py", text=f"import multiprocessing; {numbers}")
    plant(project, "text.py", text=f"from multiprocessing import Pool; x = '{'a' * 10_000_000}'\n")
    assert names() == ["text.py"]
    plant(project, "both.py", text=f"from multiprocessing import Pool; {numbers}")
    found = discover.discover(["both.py"], config.load("."))
    assert [problem.message for problem in found.unreadable] == ["cannot be parsed: too large"]
    assert time.perf_counter() - started < 10


HEAVY = (
    "libcst rich asyncio multiprocessing concurrent.futures pathspec packaging tomllib tomli difflib tempfile "
    "poolaudit.catalog poolaudit.judge poolaudit.fixing"
)


def test_a_tree_without_pools_is_cheap(project: Path) -> None:
    """libcst takes longer to import than such a scan; so do the rules and pathspec."""
    plant(project, "a.py", text="import threading\n")
    script = f"""
import sys
from poolaudit import config, engine
report = engine.audit(["."], config.load("."))
assert report.files_scanned == 1 and not report.files, report
print(*(sys.modules.keys() & {HEAVY!r}.split()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")

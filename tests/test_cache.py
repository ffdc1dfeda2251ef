"""The cache: it changes nothing but the time, notices everything that a report depends on, and trusts nobody."""

from __future__ import annotations

import os
import pickle
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from poolaudit import cache, catalog, config, discover, engine, executors, judge
from poolaudit.cache import FOLDER
from poolaudit.facts import FileFacts
from poolaudit.report import FileReport, Report, concise, json, text
from poolaudit.rewrite import rewrite as rewrite_files
from poolaudit.rule import Finding, Rule
from poolaudit.run import Means
from poolaudit.settings import Settings

FILES = {
    "pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.10"\n[tool.poolaudit]\n',
    "app/__init__.py": "",
    "app/main.py": """\
from multiprocessing import Pool

from app.tasks import enrich
from lib import outer


def main():
    with Pool(2) as pool:
        pool.map(enrich, [1])
        pool.map(outer(), [1])
    left = Pool(2)
    left.apply_async(enrich, (1,))


if __name__ == "__main__":
    main()
""",
    "app/tasks.py": "from app.more import helper\n\n\ndef enrich(x):\n    return helper(x)\n",
    "app/more.py": "def helper(x):\n    return x\n",
    "app/user.py": "from app.pools import make\n\n\ndef run(x):\n    return list(make().imap(lambda y: y, x))\n",
    "app/pools.py": "from multiprocessing import Pool\n\n\ndef make():\n    return Pool(2)\n",
    "lib.py": "def outer():\n    def inner(x):\n        return x\n\n    return inner\n",
    "start.py": "import app.main\n\napp.main.main()\n",
    "none.py": "import multiprocessing\n\nprint(multiprocessing.current_process())\n",
    "plain.py": "print(1)\n",
    "broken.py": "from multiprocessing import Pool\nPool(\n",
}


def write(path: str, content: str | None) -> None:
    if content is None:
        os.unlink(path)
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of several files, with an index however few they are, and however young."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(discover, "FEW", 0)
    monkeypatch.setattr(cache, "SETTLED", -(10**10))
    for path, content in FILES.items():
        write(path, content)
    return folder


def audit(*paths: str, cached: bool = True, jobs: int = 1, **options: Any) -> Report:
    chosen = config.override(config.load("."), **options)
    private = Path("../private").absolute() if cached else None
    return engine.audit(paths or (".",), chosen, means=Means(jobs, private=private))._replace(seconds=0)


def rendered(report: Report) -> tuple[str, ...]:
    """Everything that anybody is told of a report."""
    return json.render(report), concise.render(report), text.render(report, color=True, width=100, verbose=True)


def same(*paths: str, **options: Any) -> Report:
    """What is found with the cache, which is what is found without it."""
    found = audit(*paths, **options)
    assert rendered(found) == rendered(audit(*paths, cached=False, **options))
    return found


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were really judged."""
    seen: list[str] = []
    real = judge.judge

    def spy(source: Any, *arguments: Any, **options: Any) -> FileReport:
        seen.append(source.name)
        return real(source, *arguments, **options)

    monkeypatch.setattr(judge, "judge", spy)
    return seen


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that the walk has read."""
    seen: list[str] = []
    real = discover.read_bytes

    def spy(path: str) -> bytes:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(discover, "read_bytes", spy)
    return seen


CANDIDATES = ["app/main.py", "app/pools.py", "app/user.py", "broken.py"]


# --- nothing but the time


def test_a_second_run_judges_nothing_and_tells_the_same(project: Path, judged: list[str]) -> None:
    first = audit()
    assert judged == CANDIDATES
    assert len(first.files) == 4
    judged.clear()
    assert rendered(audit()) == rendered(first)
    assert judged == []
    same()


def test_an_entry_serves_each_way_of_naming_the_files(project: Path, judged: list[str]) -> None:
    same("app", "start.py")
    same("app")
    assert same("../project/app").files[0].path == "../project/app/main.py"


def test_a_second_run_does_not_read_what_is_blank(project: Path, read: list[str]) -> None:
    audit()
    assert {"plain.py", "none.py", "lib.py", "app/main.py"} <= set(read)
    read.clear()
    audit()
    assert sorted(each for each in read if each.endswith(".py")) == CANDIDATES


def test_processes_note_what_they_have_asked(project: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "WORTH_A_FORK", 1)
    monkeypatch.setattr(executors, "WORTH_A_SPAWN", 1)
    first = audit(jobs=2)
    judged.clear()
    assert rendered(audit()) == rendered(first)
    assert judged == []
    write("lib.py", "def outer():\n    return print\n")
    same()


def test_a_run_without_pools_needs_no_libcst(project: Path) -> None:
    audit()
    program = (
        "import sys\nfrom poolaudit.cli import main\ntry:\n    main(['scan', '-j1', '.'])\nfinally:\n"
        "    print(*(sys.modules.keys() & {'libcst', 'poolaudit.judge', 'multiprocessing'}))\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(project.parent)}
    for expected in ("libcst", "\n"):
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
        assert expected in ended.stdout.splitlines(keepends=True)[-1]
    assert ended.stdout.endswith("\n\n")


# --- everything that a report depends on


BROKEN_ERROR = """\
class Refused(Exception):
    def __init__(self, a, b):
        super().__init__(a)


def enrich(x):
    raise Refused(1, 2)
"""

CHANGES: dict[str, tuple[str, str | None]] = {
    "the file": ("app/main.py", FILES["app/main.py"].replace("Pool(2) as pool", "Pool(3) as pool")),
    "a line above": ("app/main.py", "\n" + FILES["app/main.py"]),
    "a worker's module": ("lib.py", "def outer():\n    return print\n"),
    "a worker's module goes": ("lib.py", None),
    "a module shadows it": ("app/lib.py", "outer = None\n"),
    "a package shadows it": ("lib/__init__.py", "def outer():\n    return print\n"),
    "a worker's module raises": ("app/tasks.py", BROKEN_ERROR),
    "what a worker calls": ("app/more.py", "import os\n\n\ndef helper(x):\n    os._exit(1)\n"),
    "a module that cannot be read": ("app/tasks.py", "def enrich(x:\n"),
    "the factory": ("app/pools.py", "from multiprocessing.pool import ThreadPool\n\n\ndef make():\n    return ThreadPool(2)\n"),
    "the factory has no pool": ("app/pools.py", "def make():\n    return []\n"),
    "what starts the program": ("start.py", "import multiprocessing, app.main\n\nmultiprocessing.set_start_method('spawn')\n"),
    "what is new and starts it": ("start2.py", "import multiprocessing, app.main\n\nmultiprocessing.set_start_method('fork')\n"),
    "the package starts it": ("app/__main__.py", "import multiprocessing\n\nmultiprocessing.set_start_method('spawn')\n"),
    "no package any more": ("app/__init__.py", None),
    "a pool where there was none": ("plain.py", "from multiprocessing import Pool\nPool().map(print, [1])\n"),
    "a mention becomes a pool": ("none.py", "import multiprocessing\nmultiprocessing.Pool().apply(print)\n"),
    "a new file": ("new.py", "from multiprocessing import Pool\nPool().map(print, [1])\n"),
    "broken no more": ("broken.py", "from multiprocessing import Pool\nPool()\n"),
    "the rules": ("pyproject.toml", FILES["pyproject.toml"] + 'ignore = ["PA4", "PA5"]\n'),
    "the confidence": ("pyproject.toml", FILES["pyproject.toml"] + 'confidence = "likely"\n'),
    "the Pythons": ("pyproject.toml", FILES["pyproject.toml"].replace("3.10", "3.14")),
    "a configuration further down": ("app/poolaudit.toml", 'ignore = ["PA"]\n'),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_report_is_noticed(project: Path, change: str) -> None:
    before = same()
    path, content = CHANGES[change]
    write(path, content)
    after = same()
    assert rendered(after) != rendered(before) or change in MAY_STAY
    if path in FILES:
        write(path, FILES[path])
    else:
        os.unlink(path)
        if path.startswith("lib/"):
            os.rmdir("lib")
    assert rendered(same()) == rendered(before)


MAY_STAY = ("a module that cannot be read", "no package any more", "the confidence")
"""What is unknown need not change what is told: it must be looked at again all the same."""


def test_any_order_of_changes(project: Path) -> None:
    shuffled = random.Random(8)
    for _ in range(3):
        for change in shuffled.sample(sorted(CHANGES), 6):
            path, content = CHANGES[change]
            if content is not None or os.path.exists(path):
                write(path, content)
        same()
        for path in shuffled.sample(sorted(FILES), 4):
            write(path, FILES[path])
        same()


def test_a_script_beside_the_package_is_nobodys_business_unless_it_sets_a_start_method(project: Path, judged: list[str]) -> None:
    audit()
    judged.clear()
    write("start.py", FILES["start.py"] + "print(2)\n")
    write("another.py", "print(3)\n")
    audit()
    assert judged == []


def test_each_configuration_has_its_own_entries(project: Path, judged: list[str]) -> None:
    runs: list[dict[str, Any]] = [{}, {"ignore": ["PA4"]}, {"target_version": ["3.9"]}]
    for _ in range(2):
        assert len({rendered(same(**options)) for options in runs}) == 3
    judged.clear()
    audit(fail_on="error", exclude=["nothing"])
    assert judged == []


def test_a_part_of_the_project_is_not_told_what_the_whole_is(project: Path) -> None:
    write("app/main.py", FILES["app/main.py"] + "print(1)  # poolaudit: ignore[PA999] nothing\n")
    whole = [each.code for file in same(".").files for each in file.findings]
    part = [each.code for file in same("app/main.py").files for each in file.findings]
    assert "PA002" in whole
    assert "PA002" not in part
    same(".")


def test_another_baseline_is_another_configuration(project: Path) -> None:
    text, _ = engine.record(["."], config.load("."), project / "baseline.json")
    (project / "baseline.json").write_text(text)
    hidden = same(baseline="baseline.json")
    assert any(each.baselined for file in hidden.files for each in file.findings)
    (project / "baseline.json").write_text('{"schema_version": 1, "findings": {}}\n')
    assert not any(each.baselined for file in same(baseline="baseline.json").files for each in file.findings)


def test_another_version_of_ours_knows_nothing(project: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    audit()
    judged.clear()
    monkeypatch.setattr(cache, "_sources", lambda folder: ["a rule has changed"])
    audit()
    assert judged == CANDIDATES
    judged.clear()
    monkeypatch.undo()


def test_the_version_is_that_of_the_files_on_disk(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    rule = tmp_path / "rules" / "one.py"
    rule.write_text("x = 1\n")
    before = list(cache._sources(str(tmp_path)))
    rule.write_text("x = 12\n")
    assert list(cache._sources(str(tmp_path))) != before
    assert cache._version() == cache._version()


def test_old_versions_go(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(cache.VERSIONS + 3):
        monkeypatch.setattr(cache, "_version", lambda number=number: f"version-{number}")
        audit()
        os.utime(project / FOLDER / f"version-{number}", (number, number))
    left = {folder.name for folder in (project / FOLDER).iterdir() if folder.is_dir()}
    assert left == {f"version-{number}" for number in range(3, cache.VERSIONS + 3)}


# --- the state on disk


def test_a_file_that_is_young_is_read_again(project: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever changes it within the same tick of the clock would not show."""
    monkeypatch.setattr(cache, "SETTLED", 10**10)
    audit()
    read.clear()
    audit()
    assert "plain.py" in read


def test_a_change_that_keeps_size_and_time_is_noticed(project: Path) -> None:
    write("plain.py", "print('from multiprocessing import Pool; Pool()')\n".replace("from", "....", 1))
    before = os.stat("plain.py")
    same()
    write("plain.py", "from multiprocessing import Pool; Pool()".ljust(before.st_size - 1) + "\n")
    os.utime("plain.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat("plain.py").st_size == before.st_size
    assert "plain.py" in [file.path for file in same().files]


def test_a_file_that_is_touched_is_known_again_by_its_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit()
    for path in FILES:
        os.utime(path)
    asked: list[bytes] = []
    real = discover.gate
    monkeypatch.setattr(discover, "gate", lambda data, *rest: asked.append(data) or real(data, *rest))
    audit()
    assert asked == []


# --- whom it trusts


def entries(project: Path) -> list[Path]:
    return [file for file in (project / FOLDER).rglob("*") if file.is_file() and file.name not in ("CACHEDIR.TAG", ".gitignore")]


def test_what_is_corrupt_counts_for_nothing(project: Path, judged: list[str]) -> None:
    audit()
    for number, file in enumerate(entries(project)):
        data = file.read_bytes()
        file.write_bytes([b"", data[:-1], data[:20], data + b"x", bytes([data[0] ^ 1]) + data[1:]][number % 5])
    judged.clear()
    same()
    assert set(judged) == set(CANDIDATES)


def test_one_entry_does_not_stand_for_another(project: Path, judged: list[str]) -> None:
    audit()
    files = entries(project)
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, contents[1:] + contents[:1], strict=True):
        file.write_bytes(content)
    same()


class Bomb:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, ("exploded",)


def test_what_others_have_written_is_never_unpickled(project: Path) -> None:
    audit()
    for file in entries(project):
        file.write_bytes(file.read_bytes()[:32] + pickle.dumps(Bomb()))
    same()
    assert not (project / "exploded").exists()
    # signed, but by somebody else
    key = Path("../private/cache-key")
    key.write_bytes(bytes(32))
    audit()
    foreign = {file: file.read_bytes() for file in entries(project)}
    key.unlink()
    same()
    for file, content in foreign.items():
        file.write_bytes(content)
    same()


def test_the_key_is_the_users_own(project: Path) -> None:
    audit()
    key = Path("../private/cache-key")
    assert len(key.read_bytes()) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 or sys.platform == "win32"
    key.write_bytes(b"short")
    same()
    assert len(key.read_bytes()) == 32


def test_without_a_place_for_the_key_there_is_no_cache(project: Path) -> None:
    Path("../private").write_text("a file")
    same()
    assert not (project / FOLDER).exists()


def test_a_link_is_not_followed(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (project / FOLDER).symlink_to(elsewhere, target_is_directory=True)
    same()
    assert list(elsewhere.iterdir()) == []
    assert cache.clean(project) is None
    assert elsewhere.exists()


def test_a_project_that_cannot_be_written_is_audited(project: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def store(path: str, data: bytes) -> None:
        tried.append(path)
        raise PermissionError

    audit()  # makes the key
    cache.clean(project)
    monkeypatch.setattr(cache, "store", store)
    judged.clear()
    same()
    assert len(tried) == 1, "not again for each file"


# --- what is not kept


def test_what_crashed_is_not_kept(project: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def check(file: FileFacts, settings: Settings) -> Iterator[Finding]:
        raise ZeroDivisionError

    rule = Rule(code="PA900", name="crash", severity="warning", check_file=check)
    monkeypatch.setattr(catalog, "rules", lambda: (rule,))
    catalog._by_identity.cache_clear()
    try:
        assert len(audit().problems) == 3
        assert len(same().problems) == 3
    finally:
        catalog._by_identity.cache_clear()


def test_standard_input_neither_asks_nor_tells(project: Path, judged: list[str]) -> None:
    audit()
    chosen = config.load(".")
    report = engine.audit_stdin(b"from multiprocessing import Pool\nPool(2).map(lambda x: x, [1])\n", "app/main.py", chosen)
    assert [each.code for file in report.files for each in file.findings if each.code == "PA201"]
    judged.clear()
    same()
    assert judged == CANDIDATES, "by the run without a cache"


def test_an_interrupted_run_keeps_what_it_has_done(project: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(path: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    means = Means(private=Path("../private").absolute())
    with pytest.raises(KeyboardInterrupt):
        engine.audit(["."], config.load("."), progress=stop, means=means)
    assert judged == CANDIDATES[:2]
    audit()
    assert judged == CANDIDATES


# --- fixes


def test_fixes_are_made_as_without_it(project: Path, judged: list[str]) -> None:
    means = Means(private=Path("../private").absolute())
    chosen = config.load(".")
    plain = rewrite_files(["."], chosen, unsafe=True)
    audit()
    cached = rewrite_files(["."], chosen, unsafe=True, means=means)
    assert plain.patches == cached.patches != ()
    assert rendered(cached.report._replace(seconds=0)) == rendered(plain.report._replace(seconds=0))
    written = rewrite_files(["."], chosen, unsafe=True, write=True, means=means)
    assert written.report.changed
    assert rewrite_files(["."], chosen, unsafe=True, means=means).patches == ()
    same()


def test_what_has_no_fix_is_not_judged_again(project: Path, judged: list[str]) -> None:
    write("app/main.py", FILES["lib.py"])
    write("app/user.py", FILES["lib.py"])
    audit()
    judged.clear()
    means = Means(private=Path("../private").absolute())
    assert rewrite_files(["."], config.load("."), means=means).patches == ()
    assert judged == []


# --- several at once, and the end


def test_runs_at_the_same_time(project: Path) -> None:
    command = [sys.executable, "-m", "poolaudit", "scan", "-j1", "--output-format", "concise"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(project.parent)}
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) for _ in range(4)]
    ended = [(*run.communicate(timeout=120), run.returncode) for run in runs]
    assert len(set(ended)) == 1, ended
    assert ended[0][0]
    again = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (again.stdout, again.stderr, again.returncode) == ended[0]
    assert not [file.name for file in entries(project) if "." in file.name], "nothing half-written is left"


def poolaudit(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(project.parent)}
    command = [sys.executable, "-m", "poolaudit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_backups_and_git_leave_it_alone_and_it_can_be_removed(project: Path) -> None:
    assert poolaudit(project, "scan", "--no-cache").returncode == 2
    assert not (project / FOLDER).exists()
    assert poolaudit(project, "scan").returncode == 2
    assert (project / FOLDER / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    assert (project / FOLDER / ".gitignore").read_text() == "*\n"
    assert poolaudit(project, "scan", "--show-files").stdout.splitlines() == sorted(
        path for path in FILES if path.endswith(".py")
    )
    removed = poolaudit(project, "cache", "clean", "app")
    assert (removed.returncode, removed.stderr) == (0, f"Removed {project / FOLDER}\n")
    assert not (project / FOLDER).exists()
    assert poolaudit(project, "cache", "clean").stderr == "There is no cache\n"


def test_a_folder_of_that_name_that_is_not_ours_stays(project: Path) -> None:
    (project / FOLDER).mkdir()
    (project / FOLDER / "thesis.txt").write_text("four years")
    assert cache.clean(project) is None
    assert (project / FOLDER / "thesis.txt").exists()

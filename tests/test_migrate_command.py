"""`poolaudit migrate` on the command line: what it prints, writes, takes back, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from poolaudit.cli import cli

READY = textwrap.dedent(
    """\
    from multiprocessing import Pool


    def square(x):
        return x * x


    def main(numbers):
        with Pool(4) as pool:
            return pool.map(square, numbers, 8)
    """
)
MOVED = textwrap.dedent(
    """\
    from concurrent.futures import ProcessPoolExecutor


    def square(x):
        return x * x


    def main(numbers):
        with ProcessPoolExecutor(max_workers=4) as pool:
            return list(pool.map(square, numbers, chunksize=8))
    """
)
CAVEAT = READY.replace("return x * x", "print(x)")
BLOCKED = READY.replace("return pool.map(square, numbers, 8)", "return pool")
TWO = READY + "\n\ndef other(numbers):\n    with Pool(2) as pool:\n        return pool.map(square, numbers, 3)\n"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["migrate", *arguments], catch_exceptions=False)


def test_the_plan_puts_first_what_can_be_done_at_once(tmp_path: Path) -> None:
    for name, text in (("a.py", BLOCKED), ("b.py", CAVEAT), ("c.py", READY)):
        Path(name).write_text(text)
    result = run()
    assert result.exit_code == 0
    assert "3 pools to move to ProcessPoolExecutor: 1 ready, 1 with caveats, 1 blocked" in result.stdout
    places = [result.stdout.index(name) for name in ("c.py:9", "b.py:9", "a.py:9")]
    assert places == sorted(places)
    assert "failing-map-cancels-rest" in result.stdout
    assert "pool-escapes" in result.stdout
    assert "unlock: " in result.stdout


def test_the_plan_as_json_and_as_a_checklist() -> None:
    Path("a.py").write_text(BLOCKED)
    document = json.loads(run("--output-format", "json").stdout)
    (pool,) = document["pools"]
    assert (pool["path"], pool["line"], pool["status"]) == ("a.py", 9, "blocked")
    assert {"name": "pool-escapes", "line": 10}.items() <= pool["blockers"][0].items()
    assert document["summary"] == {"ready": 0, "caveats": 0, "blocked": 1}
    assert "- [ ] `a.py:9` `Pool(4) in main()`" in run("--output-format", "markdown").stdout


def test_a_diff_changes_nothing() -> None:
    Path("a.py").write_text(READY)
    result = run("--diff")
    assert result.exit_code == 1
    assert "+        return list(pool.map(square, numbers, chunksize=8))" in result.stdout
    assert Path("a.py").read_text() == READY


def test_write_moves_what_is_ready_and_a_second_run_finds_nothing() -> None:
    Path("a.py").write_text(READY)
    Path("b.py").write_text(CAVEAT)
    assert run("--write").exit_code == 1
    assert Path("a.py").read_text() == MOVED
    assert Path("b.py").read_text() == CAVEAT
    assert run("--write").exit_code == 0
    assert run("--write", "--unsafe").exit_code == 1
    assert "list(pool.map" in Path("b.py").read_text()


@pytest.mark.parametrize("way", [("--write",), ("--diff",), ("--verify", f"{sys.executable} -c pass")])
def test_a_pool_is_named_by_its_line_before_the_run(way: tuple[str, ...]) -> None:
    """The move of the first pool adds lines above the second one; people look for the line that the plan has told."""
    Path("a.py").write_text(TWO.replace("numbers, 8", "list(numbers)"))
    assert re.findall(r"a\.py:\d+", run().stdout) == ["a.py:9", "a.py:14"]
    result = run(*way)
    assert re.findall(r"(a\.py:\d+): moved", result.stdout + result.stderr) == ["a.py:9", "a.py:14"]
    assert way == ("--diff",) or Path("a.py").read_text().splitlines().index("def other(numbers):") > 12


def test_the_way_back() -> None:
    Path("a.py").write_text(MOVED)
    assert run("--to", "pool", "--write").exit_code == 1
    text = Path("a.py").read_text()
    assert "pool = Pool(processes=4)\n    try:\n        return pool.map(square, numbers, chunksize=8)\n    finally:" in text


def test_what_passes_the_command_is_kept_and_the_rest_taken_back() -> None:
    Path("a.py").write_text(TWO)
    Path("untouched.txt").write_text("dirty")
    check = "import sys; text = open('a.py').read(); sys.exit('max_workers=2' in text)"
    result = run("--verify", f'{sys.executable} -c "{check}"')
    assert result.exit_code == 1
    assert "kept: a.py:9" in result.stdout
    assert "taken back: a.py:14" in result.stdout
    text = Path("a.py").read_text()
    assert "ProcessPoolExecutor(max_workers=4)" in text
    assert "with Pool(2)" in text
    assert sorted(os.listdir()) == ["a.py", "untouched.txt"]


def test_a_command_that_fails_already_moves_nothing() -> None:
    Path("a.py").write_text(READY)
    result = run("--verify", "exit 3")
    assert result.exit_code == 2
    assert "fails before anything is moved" in result.stderr
    assert Path("a.py").read_text() == READY


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_leaves_the_file_as_it_was() -> None:
    Path("a.py").write_text(READY)
    slow = f"{sys.executable} -c \"import time; 'max_workers' in open('a.py').read() and (open('started', 'w'), time.sleep(60))\""
    process = subprocess.Popen([sys.executable, "-m", "poolaudit", "migrate", "--verify", slow], start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not Path("started").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert Path("started").exists(), "the command was not started"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.wait()
    assert Path("a.py").read_text() == READY


def test_ways_exclude_each_other() -> None:
    Path("a.py").write_text(READY)
    result = CliRunner().invoke(cli, ["migrate", "--diff", "--write"])
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_an_unreadable_file_is_named_and_the_rest_goes_on() -> None:
    Path("a.py").write_text(READY)
    Path("bad.py").write_text("from multiprocessing import Pool\nPool(\n")
    result = run("--write")
    assert result.exit_code == 2
    assert "bad.py" in result.stderr
    assert Path("a.py").read_text() == MOVED


def test_windows_newlines_and_comments_stay() -> None:
    text = READY.replace("as pool:", "as pool:  # four").replace("\n", "\r\n")
    Path("a.py").write_bytes(text.encode())
    run("--write")
    expected = MOVED.replace("as pool:", "as pool:  # four").replace("\n", "\r\n")
    assert Path("a.py").read_bytes() == expected.encode()


def test_threads_are_moved_and_their_files_found() -> None:
    Path("a.py").write_text(
        READY.replace("from multiprocessing import Pool", "from multiprocessing.pool import ThreadPool").replace(
            " Pool(", " ThreadPool("
        )
    )
    assert run("--write").exit_code == 1
    assert "with ThreadPoolExecutor(max_workers=4) as pool:" in Path("a.py").read_text()


def test_what_speaks_of_the_class_elsewhere_is_named() -> None:
    Path("a.py").write_text(READY)
    Path("test_a.py").write_text("from unittest import mock\n\n\ndef test():\n    with mock.patch('a.Pool'):\n        pass\n")
    assert "test_a.py:5  a string names a.Pool" in run().stdout

"""The command on real files, from arguments to bytes on disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from test_report_json import REPORT, violations

BAD = """\
from concurrent.futures import ProcessPoolExecutor


def store(number):
    return 1 / number


def main():
    with ProcessPoolExecutor() as executor:
        executor.map(store, range(4))


if __name__ == "__main__":
    main()
"""
GOOD = BAD.replace("executor.map(store, range(4))", "list(executor.map(store, range(4)))")
BROKEN = "import multiprocessing\npool = multiprocessing.Pool(\n"


def poolaudit(place: Path, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS")}
    command = [sys.executable, "-m", "poolaudit", *arguments]
    return subprocess.run(command, cwd=place, env=environment, input=data, capture_output=True, check=False, timeout=120)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bad.py").write_text(BAD, "utf-8")
    (tmp_path / "good.py").write_text(GOOD, "utf-8")
    return tmp_path


def test_status_follows_what_is_found(place: Path) -> None:
    assert poolaudit(place, "scan", "good.py").returncode == 0
    assert poolaudit(place, "scan", ".").returncode == 1
    (place / "broken.py").write_text(BROKEN, "utf-8")
    done = poolaudit(place, "scan", ".")
    assert done.returncode == 2
    assert b"PA502" in done.stdout
    assert b"broken.py:" in done.stdout


def test_json_of_a_real_run_keeps_the_contract(place: Path) -> None:
    (place / "broken.py").write_text(BROKEN, "utf-8")
    report = json.loads(poolaudit(place, "scan", "--output-format", "json", ".", "missing").stdout)
    assert violations(report, REPORT) == []
    assert report["summary"]["findings"] == 1
    assert report["summary"]["problems"] == 2
    (edit,) = next(file for file in report["files"] if file["path"] == "bad.py")["findings"][0]["fix"]["edits"][:1]
    assert BAD[: edit["start"]].endswith("        ")


def test_one_file_says_what_the_whole_tree_says(place: Path) -> None:
    whole = json.loads(poolaudit(place, "scan", "--output-format", "json", ".").stdout)
    alone = json.loads(poolaudit(place, "scan", "--output-format", "json", "bad.py").stdout)
    assert alone["files"] == [file for file in whole["files"] if file["path"] == "bad.py"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_diff_is_what_fix_does(place: Path, newline: str) -> None:
    bad, good = (text.replace("\n", newline).encode() for text in (BAD, GOOD))
    (place / "bad.py").write_bytes(bad)
    change = poolaudit(place, "scan", "--diff", "bad.py")
    assert (change.returncode, (place / "bad.py").read_bytes()) == (1, bad)
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], input=change.stdout, cwd=place, check=True)
    assert (place / "bad.py").read_bytes() == good
    (place / "bad.py").write_bytes(bad)
    fixed = poolaudit(place, "scan", "--fix", "bad.py")
    assert (fixed.returncode, (place / "bad.py").read_bytes()) == (1, good)
    assert b"Fixed 1 finding in 1 file: bad.py" in fixed.stdout
    again = poolaudit(place, "scan", "--fix", "bad.py")
    assert (again.returncode, (place / "bad.py").read_bytes()) == (0, good)


def test_standard_input(place: Path) -> None:
    done = poolaudit(place, "scan", "-", "--stdin-filename", "src/x.py", "--output-format", "concise", data=BAD.encode())
    assert done.returncode == 1
    assert done.stdout.startswith(b"src/x.py:10:9: PA502 unread-map [warning] ")
    fixed = poolaudit(place, "scan", "--fix", "-", data=BAD.replace("\n", "\r\n").encode())
    assert (fixed.returncode, fixed.stdout) == (1, GOOD.replace("\n", "\r\n").encode())
    assert poolaudit(place, "scan", "--fix", "-", data=GOOD.encode()).stdout == GOOD.encode()


def test_advise_and_explain_what_was_found(place: Path) -> None:
    advice = poolaudit(place, "advise", "bad.py:10").stdout.decode()
    assert "bad.py:9: ProcessPoolExecutor() in main()" in advice
    assert "PA502 unread-map [warning] line 10" in advice
    assert poolaudit(place, "explain", "unread-map").returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="POSIX file names")
def test_odd_file_names(place: Path) -> None:
    for name in ("a b'c.py", "new\nline.py", "-x.py"):
        (place / name).write_text(BAD, "utf-8")
    raw = os.fsencode(place) + b"/caf\xe9.py"
    with open(raw, "w", encoding="utf-8") as file:
        file.write(BAD)
    for form in ("text", "concise", "json"):
        done = poolaudit(place, "scan", ".", "--output-format", form)
        assert (done.returncode, done.stderr) == (1, b"")
        assert done.stdout.decode().count("PA502") >= 5


def test_a_suppression_silences_and_is_counted(place: Path) -> None:
    (place / "bad.py").write_text(
        BAD.replace("range(4))", "range(4))  # poolaudit: ignore[unread-map] only warms a cache"), "utf-8"
    )
    assert poolaudit(place, "scan", "bad.py").returncode == 0
    assert b"1 finding suppressed" in poolaudit(place, "scan", "-v", "bad.py").stdout
    report = json.loads(poolaudit(place, "scan", "bad.py", "--output-format", "json").stdout)
    assert [finding["suppressed"] for file in report["files"] for finding in file["findings"]] == [True]
    assert report["summary"]["findings"] == 0


def test_code_in_the_working_folder_is_never_imported(place: Path) -> None:
    for name in ("libcst", "click", "msgspec", "rich"):
        (place / f"{name}.py").write_text("raise SystemExit('the audited code was run')\n")
    done = poolaudit(place, "scan", "--isolated", ".")
    assert b"audited code was run" not in done.stdout + done.stderr
    assert done.returncode in (0, 1)


def test_a_folder_may_have_its_own_configuration(place: Path) -> None:
    """The closest one counts for a file: its rules, its excludes, its Pythons, its baseline. The command line is for all."""
    for name in ("own/a.py", "own/left_out.py", "own/deep/b.py", "plain/c.py"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(BAD, "utf-8")
    (place / "pyproject.toml").write_text('[tool.poolaudit]\nextend-exclude = ["bad.py"]\n')
    (place / "own" / "pyproject.toml").write_text(
        '[tool.poolaudit]\nignore = ["PA502"]\nextend-exclude = ["/left_out.py"]\nper-file-ignores = {"deep/*" = ["PA5"]}\n'
    )

    def found(*arguments: str) -> list[str]:
        done = poolaudit(place, "scan", "--output-format", "concise", *arguments)
        return [line.partition(": ")[0] for line in done.stdout.decode().splitlines()] + done.stderr.decode().splitlines()

    assert found() == ["plain/c.py:10:9"]
    assert found("--isolated") == [
        "bad.py:10:9",
        "own/a.py:10:9",
        "own/deep/b.py:10:9",
        "own/left_out.py:10:9",
        "plain/c.py:10:9",
    ]
    assert found("own/a.py", "plain/c.py") == ["plain/c.py:10:9"]
    assert found("own/left_out.py", "bad.py", "--force-exclude") == []
    assert poolaudit(place, "scan", "--show-files").stdout.split() == [b"good.py", b"own/a.py", b"own/deep/b.py", b"plain/c.py"]
    (place / "own" / "pyproject.toml").write_text('[tool.poolaudit]\nbaseline = "base.json"\nextend-exclude = ["/left_out.py"]\n')
    poolaudit(place, "scan", "own", "--no-baseline", "--write-baseline", "own/base.json")
    assert found() == ["plain/c.py:10:9"]
    (place / "own" / "a.py").write_text(GOOD, "utf-8")
    assert found() == ["own/base.json:5:16", "plain/c.py:10:9"]
    assert found("--select", "PA502") == ["plain/c.py:10:9"]
    (place / "own" / "pyproject.toml").write_text("[tool.poolaudit]\nselect = 3\n")
    assert found()[0].endswith("own/pyproject.toml:2: `select` must be a list of strings")
    assert poolaudit(place, "scan", "plain").returncode == 1

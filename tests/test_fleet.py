"""Many projects in one run: each as a scan of its own, and what they add up to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LOSES = """\
from concurrent.futures import ProcessPoolExecutor


def store(number):
    return 1 / number


def main():
    with ProcessPoolExecutor() as executor:
        executor.map(store, range(4))


if __name__ == "__main__":
    main()
"""
KEEPS = LOSES.replace("executor.map(store, range(4))", "print(list(executor.map(store, range(4))))")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """One that loses errors, one that does so and does not mind, one without a fault, one without a pool."""
    files = {
        "lossy/app.py": LOSES,
        "lossy/pyproject.toml": '[project]\nname = "lossy"\nrequires-python = ">=3.9,<3.12"\n',
        "lenient/app.py": LOSES,
        "lenient/poolaudit.toml": 'ignore = ["PA502"]\n',
        "sound/app.py": KEEPS,
        "plain/app.py": "x = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def poolaudit(tmp_path: Path) -> Run:
    environment = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS")}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "home")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "poolaudit", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False, timeout=120
        )

    return run


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def timeless(document: dict[str, Any]) -> dict[str, Any]:
    document["summary"]["seconds"] = 0
    return document


ROOTS = ("lossy", "lenient", "sound", "plain")


@pytest.mark.usefixtures("projects")
@pytest.mark.parametrize("how", [("-j1", "--no-cache"), ("-j2", "--no-cache"), ("-j1",)])
def test_each_project_is_as_if_scanned_alone(poolaudit: Run, how: tuple[str, ...]) -> None:
    *found, last = lines(poolaudit("fleet", *ROOTS, "--output-format", "json", *how))
    assert {each["root"] for each in found} == set(ROOTS)
    for each in found:
        alone = json.loads(poolaudit("scan", each["root"], "--output-format", "json", "--no-cache", "-j1").stdout)
        assert timeless(each["report"]) == timeless(alone)
    total = last["total"]
    assert (total["projects"], total["failed"], total["with_findings"], total["files_scanned"]) == (4, 0, 1, 4)
    assert (total["findings"], total["rules"]) == (1, {"PA502": 1})
    assert sum(total["verdicts"].values()) == total["sites"] == 3


@pytest.mark.usefixtures("projects")
def test_what_is_said(poolaudit: Run) -> None:
    done = poolaudit("fleet", "sound", "lossy", "-j1", "--no-cache")
    assert (done.returncode, done.stderr) == (1, "")
    first, second, total = done.stdout.split("\n== ")
    assert first.startswith("== sound\nAll clean: 1 pool in 1 file")
    assert second.startswith("lossy\nlossy/app.py:10:9: PA502 unread-map [warning]")
    assert "next:" not in second
    assert total.startswith("2 projects\n2 files, 2 with pools, 2 pools: ")
    assert total.endswith("in 1 project\n    1  PA502 unread-map\n")


@pytest.mark.usefixtures("projects")
def test_the_command_line_holds_for_all(poolaudit: Run) -> None:
    done = poolaudit("fleet", "lossy", "lenient", "--ignore", "PA502", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    concise = poolaudit("fleet", "lossy", "lenient", "--output-format", "concise", "--exit-zero")
    assert concise.returncode == 0
    assert concise.stdout.startswith("lossy/app.py:10:9: PA502")
    assert concise.stdout.count("\n") == 1


def test_a_broken_configuration_does_not_stop_the_others(poolaudit: Run, projects: Path) -> None:
    (projects / "sound/poolaudit.toml").write_text('selct = ["PA5"]\n', "utf-8")
    done = poolaudit("fleet", "sound", "lossy", "gone", "-j1", "--no-cache")
    assert done.returncode == 2
    assert "Error: sound: " in done.stderr
    assert "lossy/app.py:10:9: PA502" in done.stdout
    assert "gone: PA001 [error]" in done.stdout
    assert "1 project with a configuration that cannot be used" in done.stdout
    broken, *_, last = lines(poolaudit("fleet", "sound", "lossy", "--output-format", "json"))
    assert (broken["root"], broken["report"]) == ("sound", None)
    assert "selct" in broken["error"]
    assert (last["total"]["projects"], last["total"]["failed"]) == (2, 1)


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_a_broken_baseline_does_not_stop_the_others(poolaudit: Run, projects: Path, jobs: str) -> None:
    """It is asked for only once a file is judged, perhaps in a worker."""
    (projects / "sound/poolaudit.toml").write_text('baseline = "known.json"\n', "utf-8")
    (projects / "sound/known.json").write_text("not JSON", "utf-8")
    done = poolaudit("fleet", "sound", "lossy", jobs, "--no-cache")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: sound: ")
    assert "known.json" in done.stderr
    assert "lossy/app.py:10:9: PA502" in done.stdout


def test_a_project_is_told_as_soon_as_it_is_done(poolaudit: Run, projects: Path) -> None:
    """Before the next one is looked for."""
    program = (
        "import sys\nfrom poolaudit.config import load\nfrom poolaudit.fleet import Fleet\n"
        "def finished(root, config, report):\n    print(root, len(looked), flush=True)\n"
        "looked = []\n"
        "def configured(root):\n    looked.append(root)\n    return load(root)\n"
        "Fleet(['lossy', 'plain', 'sound'], configured, finished, print).audit()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=projects, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("lossy 1\nplain 2\nsound 3\n", "")

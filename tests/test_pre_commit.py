"""The pre-commit hooks, run by pre-commit itself from a copy of this project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}

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
CLEAN = BAD.replace("executor.map(store, range(4))", "print(list(executor.map(store, range(1, 4))))")


def test_two_hooks_that_respect_excludes_and_run_once() -> None:
    assert set(HOOKS) == {"poolaudit", "poolaudit-fix"}
    for hook in HOOKS.values():
        assert "--force-exclude" in hook["entry"]
        assert (hook["types_or"], hook["require_serial"], hook["language"]) == (["python", "pyi", "jupyter"], True, "python")
        assert hook["minimum_pre_commit_version"] == "2.9.2"
    assert ["--fix" in hook["entry"] for hook in HOOKS.values()] == [False, True]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that holds this project as it is on disk: what pre-commit clones and installs."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "click"], capture_output=True, check=False, timeout=60
    )
    if asked.returncode:
        pytest.skip("no package registry in reach")
    folder = tmp_path_factory.mktemp("project") / "poolaudit"
    keep_out = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", ".hypothesis", ".venv", "build", "dist")
    shutil.copytree(ROOT, folder, ignore=keep_out)
    return repository(folder)


def repository(folder: Path) -> Path:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


def try_repo(project: Path, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the hooks on a repository with a bad file and a clean one."""
    (place / "bad.py").write_text(BAD, "utf-8")
    (place / "clean.py").write_text(CLEAN, "utf-8")
    repository(place)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(project), *arguments, "--color", "never", "--verbose"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "PRE_COMMIT"))}
    return subprocess.run(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600
    )


@pytest.mark.network
def test_check_and_fix_of_a_bad_file(project: Path, tmp_path: Path) -> None:
    done = try_repo(project, tmp_path, "--all-files")
    assert done.returncode == 1, done.stdout
    check, fix = done.stdout.split("- hook id: poolaudit\n")[1].split("- hook id: poolaudit-fix\n")
    assert "- exit code: 1" in check
    assert "bad.py:10:9: PA502 unread-map [warning]" in check
    assert "clean.py" not in check
    assert "- files were modified by this hook" in fix
    assert (tmp_path / "bad.py").read_text("utf-8") == BAD.replace(
        "executor.map(store, range(4))", "list(executor.map(store, range(4)))"
    )
    assert (tmp_path / "clean.py").read_text("utf-8") == CLEAN


@pytest.mark.network
def test_a_clean_file_passes_both(project: Path, tmp_path: Path) -> None:
    done = try_repo(project, tmp_path, "--files", "clean.py")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Passed") == 2
    assert (tmp_path / "bad.py").read_text("utf-8") == BAD

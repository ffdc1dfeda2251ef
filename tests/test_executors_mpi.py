"""MPI for real: what its ranks find is what one process finds. Skipped where mpi4py or mpiexec is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mpi4py", reason="mpi4py is not installed")

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="needs mpiexec")

PROGRAM = """\
from multiprocessing import Pool

from tasks import outer


def main_{number}():
    pool = Pool(2)
    pool.map_async(outer(), [{number}])


if __name__ == "__main__":
    main_{number}()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Twelve programs, in more batches than there are ranks, whose facts lie in two files."""
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.10"\n')
    (tmp_path / "tasks.py").write_text("def outer():\n    def inner(x):\n        return x\n    return inner\n")
    for number in range(12):
        (tmp_path / f"program_{number}.py").write_text(PROGRAM.format(number=number))
    return tmp_path


def scan(project: Path, *launcher: str, options: tuple[str, ...] = ()) -> tuple[dict[str, Any], int]:
    command = [*launcher, "-m", "poolaudit", "scan", ".", "--no-cache", "--output-format", "json", *options]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=120)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        pytest.fail(f"status {done.returncode}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    del report["summary"]["seconds"]
    return report, done.returncode


def ranks(count: int) -> tuple[str, ...]:
    assert MPIEXEC is not None
    return MPIEXEC, "-n", str(count), sys.executable, "-m", "mpi4py.futures"


@pytest.mark.parametrize("count", [1, 3])
def test_ranks_find_the_same(project: Path, count: int) -> None:
    alone, status = scan(project, sys.executable)
    assert len([file for file in alone["files"] if file["findings"]]) == 12
    assert status == 1
    assert scan(project, *ranks(count), options=("--executor", "mpi")) == (alone, status)


def test_a_clean_end_is_a_clean_end(project: Path) -> None:
    alone, status = scan(project, sys.executable, options=("--exit-zero",))
    assert status == 0
    assert scan(project, *ranks(3), options=("--executor", "mpi", "--exit-zero")) == (alone, status)

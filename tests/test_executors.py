"""Engines of other packages, for real: what they find is what this process finds. Skipped where a package is missing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from poolaudit import config, engine, executors
from poolaudit.config import ConfigError
from poolaudit.fleet import Fleet
from poolaudit.report import Report, concise, json, text
from poolaudit.run import Means

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
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """More batches than workers, whose facts lie in two files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("poolaudit.parallel.BATCH", 1)
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.10"\n')
    (tmp_path / "tasks.py").write_text("def outer():\n    def inner(x):\n        return x\n    return inner\n")
    for number in range(20):
        (tmp_path / f"program_{number}.py").write_text(PROGRAM.format(number=number))
    return tmp_path


def audit(executor: str = "", jobs: int | None = 1, progress: Any = None) -> Report:
    report = engine.audit(["."], config.load("."), progress=progress, means=Means(jobs, executor))
    return report._replace(seconds=0)


def rendered(report: Report) -> tuple[str, ...]:
    return json.render(report), concise.render(report), text.render(report, color=True, width=100, verbose=True)


def test_loky_finds_the_same(project: Path) -> None:
    pytest.importorskip("loky", reason="loky is not installed")
    assert rendered(audit("loky", jobs=2)) == rendered(audit())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two processes, whose working folder is not the project's."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    try:
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found:
            yield found
    finally:
        os.chdir(before)


def test_a_dask_cluster_finds_the_same(project: Path, cluster: Any) -> None:
    address = cluster.scheduler_address.removeprefix("tcp://")
    alone = audit()
    assert len([file for file in alone.files if file.findings]) == 20
    assert rendered(audit(f"dask://{address}")) == rendered(alone)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_dask_worker_that_is_killed_costs_nothing(project: Path, cluster: Any) -> None:
    address = cluster.scheduler_address.removeprefix("tcp://")
    victims = [worker.pid for worker in cluster.workers.values()][:1]
    killed = []

    def kill(path: str, done: int, total: int) -> None:
        if victims:
            killed.append(victims.pop())
            os.kill(killed[0], signal.SIGKILL)

    found = audit(f"dask://{address}", progress=kill)
    assert killed
    assert rendered(found) == rendered(audit())


# --- a fleet


def fleet(project: Path, executor: str, jobs: int | None = 1) -> dict[str, tuple[str, ...]]:
    """Each of three projects, of which the last one has no pools."""
    for name in ("first", "second", "third"):
        folder = project / name
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.10"\n')
        (folder / "tasks.py").write_text((project / "tasks.py").read_text())
        for number in range(4 if name != "third" else 0):
            (folder / f"program_{number}.py").write_text(PROGRAM.format(number=number))
    found: dict[str, tuple[str, ...]] = {}

    def finished(root: str, _: config.Config, report: Report) -> None:
        found[root] = rendered(report._replace(seconds=0))

    Fleet(["first", "second", "third"], config.load, finished, pytest.fail, means=Means(jobs, executor)).audit()
    return dict(sorted(found.items()))


def test_loky_finds_the_same_in_a_fleet(project: Path) -> None:
    pytest.importorskip("loky", reason="loky is not installed")
    alone = fleet(project, "")
    assert list(alone) == ["first", "second", "third"]
    assert "program_3.py" in alone["second"][1]
    assert fleet(project, "loky", jobs=2) == alone


def test_a_dask_cluster_finds_the_same_in_a_fleet(project: Path, cluster: Any) -> None:
    address = cluster.scheduler_address.removeprefix("tcp://")
    assert fleet(project, f"dask://{address}") == fleet(project, "")


# --- names


def threads(jobs: int | None, address: str = "") -> Executor:
    threads.called = (jobs, address)  # type: ignore[attr-defined]
    return ThreadPoolExecutor(jobs)


def test_any_factory_will_do(project: Path) -> None:
    assert rendered(audit(f"{__name__}:threads", jobs=3)) == rendered(audit())
    assert threads.called == (3, "")  # type: ignore[attr-defined]


def test_an_entry_point_of_another_package(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def entry_points(group: str, name: str = "") -> list[metadata.EntryPoint]:
        assert group == executors.GROUP
        return [metadata.EntryPoint("farm", f"{__name__}:threads", group)] if name in ("", "farm") else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    assert rendered(audit("farm://there:80")) == rendered(audit())
    assert threads.called == (1, "there:80")  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="none of dask, loky, mpi, farm"):
        audit("frm")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "is none of dask, loky, mpi"),
        ("os:nonsense", "nonsense"),
        ("no_such_module:make", "no_such_module"),
    ],
)
def test_what_is_no_executor_is_bad_usage(project: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        audit(name)


def test_a_package_that_is_missing_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py.futures", None)
    with pytest.raises(ConfigError, match=r"mpi.*is the package installed\?"):
        audit("mpi")

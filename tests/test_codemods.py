"""The libcst commands do what `poolaudit migrate --write` does."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from libcst.codemod import CodemodTest

from poolaudit.codemods import ExecutorToPool, PoolToExecutor

POOL = """
    import multiprocessing as mp


    def square(x):
        return x * x


    def main(numbers):
        with mp.Pool(4) as pool:  # four of them
            return pool.map(square, numbers, 8)
"""
EXECUTOR = """
    from concurrent.futures import ProcessPoolExecutor


    def square(x):
        return x * x


    def main(numbers):
        with ProcessPoolExecutor(max_workers=4) as pool:  # four of them
            return list(pool.map(square, numbers, chunksize=8))
"""
TRACES = """
    from multiprocessing import Pool


    def show(x):
        print(x)


    def main():
        with Pool(2) as pool:
            pool.map(show, ["a", "b"])
"""


class TestPoolToExecutor(CodemodTest):
    TRANSFORM = PoolToExecutor

    def test_a_ready_pool_is_moved(self) -> None:
        self.assertCodemod(POOL, EXECUTOR)

    def test_what_has_a_caveat_is_moved_when_asked(self) -> None:
        self.assertCodemod(TRACES, TRACES)
        after = TRACES.replace("multiprocessing import Pool", "concurrent.futures import ProcessPoolExecutor")
        after = after.replace("with Pool(2)", "with ProcessPoolExecutor(max_workers=2)")
        after = after.replace('pool.map(show, ["a", "b"])', 'list(pool.map(show, ["a", "b"]))')
        self.assertCodemod(TRACES, after, unsafe=True)

    def test_what_is_blocked_stays(self) -> None:
        before = POOL.replace("return pool.map(square, numbers, 8)", "return pool")
        self.assertCodemod(before, before)


class TestExecutorToPool(CodemodTest):
    TRANSFORM = ExecutorToPool

    def test_a_ready_executor_is_moved(self) -> None:
        before = EXECUTOR.replace("  # four of them", "")
        after = """
            from multiprocessing import Pool


            def square(x):
                return x * x


            def main(numbers):
                pool = Pool(processes=4)
                try:
                    return pool.map(square, numbers, chunksize=8)
                finally:
                    pool.close()
                    pool.join()
        """
        self.assertCodemod(before, after)


def test_the_command_of_libcst_finds_them(tmp_path: Path) -> None:
    (tmp_path / ".libcst.codemod.yaml").write_text("modules: []\n")
    file = tmp_path / "job.py"
    file.write_text(textwrap.dedent(POOL).lstrip())
    command = [
        sys.executable,
        "-m",
        "libcst.tool",
        "codemod",
        "--no-format",
        "-x",
        "poolaudit.codemods.PoolToExecutor",
        str(file),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == textwrap.dedent(EXECUTOR).lstrip()

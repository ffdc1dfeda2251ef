"""Migrations as libcst codemods, for pipelines that run those.

    python -m libcst.tool codemod -x poolaudit.codemods.PoolToExecutor PATHS
    python -m libcst.tool codemod -x poolaudit.codemods.ExecutorToPool --unsafe PATHS

(libcst runs a formatter afterwards, black unless .libcst.codemod.yaml names another; --no-format leaves that out.)
Knows libcst's codemod interface and hands the text of each module to the same steps as `poolaudit migrate --write`. Must never
know how a form is rewritten.
"""

from __future__ import annotations

import argparse
from typing import ClassVar

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext

from poolaudit import config
from poolaudit.layout import Layout
from poolaudit.migrate.plan import Direction
from poolaudit.migrating import Migration, migrated
from poolaudit.selection import Selection
from poolaudit.source import from_text
from poolaudit.stack import roomy
from poolaudit.survey.project import Project


class _Migrate(CodemodCommand):
    """One direction. What is refused becomes a warning of the codemod."""

    TO: ClassVar[Direction]

    def __init__(self, context: CodemodContext, unsafe: bool = False) -> None:
        super().__init__(context)
        self._unsafe = unsafe

    @staticmethod
    def add_args(parser: argparse.ArgumentParser) -> None:
        """The option --unsafe, as of `poolaudit migrate`."""
        parser.add_argument("--unsafe", action="store_true", help="Also what changes behaviour in a way that has a name.")

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The module with its pools moved; the same object when none can be."""
        name = self.context.filename or "module.py"
        settings = config.load(config.common_folder([name]))
        project = Project(Layout(str(settings.root) if settings.anchored else ""))
        migration = Migration(from_text(tree.code, name), settings, Selection(settings), self.TO, self._unsafe, project)
        steps = roomy(lambda: migrated(migration))
        for problem in migration.problems:
            self.warn(f"{problem.path}:{problem.line}: {problem.message}")
        return cst.parse_module(migration.text, tree.config_for_parsing) if steps else tree


class PoolToExecutor(_Migrate):
    """multiprocessing.Pool to ProcessPoolExecutor, ThreadPool to ThreadPoolExecutor."""

    DESCRIPTION = "Moves multiprocessing.Pool to ProcessPoolExecutor where that is proven to keep what the program does."
    TO: ClassVar[Direction] = "executor"


class ExecutorToPool(_Migrate):
    """ProcessPoolExecutor to multiprocessing.Pool."""

    DESCRIPTION = "Moves ProcessPoolExecutor to multiprocessing.Pool where that is proven to keep what the program does."
    TO: ClassVar[Direction] = "pool"

"""A libcst codemod that changes nothing: what any codemod costs at least. Used by compare.py only."""

from libcst import Module
from libcst.codemod import CodemodCommand


class IdleCommand(CodemodCommand):
    DESCRIPTION = "Changes nothing."

    def transform_module_impl(self, tree: Module) -> Module:
        return tree

"""Whether a pool that nothing is seen to end is kept on purpose, or may be ended out of sight.

Knows globals, attributes, and loops and workers that never end. Must never know a rule or libcst.
"""

from __future__ import annotations

import re

from poolaudit.facts import MODULE_SCOPE, FileFacts, PoolSite

_COMPUTED = re.compile(r"""\b(?:getattr\((?![^,()]+,[ \t]*["']\w+["'][ \t]*[,)])|attrgetter\()""")
"""An attribute is reached by a name that the text does not spell."""

_CLASS = r"^[ \t]*class[ \t]+{}[ \t]*(?:\(([^)]*)\))?[ \t]*:"


def for_life(site: PoolSite, file: FileFacts) -> bool:
    """It lives as long as the process: a global of a library, or what a loop or workers that never end use."""
    if site.module_level and not site.guarded and (site.kind == "executor" or not file.is_script):
        return True
    if any(
        use.how == "assign" and use.function == site.function != MODULE_SCOPE for use in file.globals.get(site.name or "", ())
    ):
        return True
    if site.initializer is not None and any(function.endless for function in file.reachable(site.initializer.function)):
        return True
    around = {step.block.id for step in site.point.path}
    forever = [step.block for operation in site.operations for step in operation.point.path if step.block.forever]
    return any(block.id not in around and not {"break", "return"} & set(block.leaves) for block in forever)


def out_of_sight(site: PoolSite, file: FileFacts) -> bool:
    """An attribute that a base class of elsewhere, or an object that is not followed, may end."""
    if site.binding != "attribute" or site.name is None:
        return False
    leaf = re.escape(site.name.rpartition(".")[2])
    ended = re.search(rf"\.{leaf}\s*\.\s*(?:close|terminate|shutdown|__exit__)\b|\bwith\b[^\n]*\.{leaf}\b", file.text)
    spelled = re.search(rf"""["']{leaf}["']""", file.text)
    return bool(ended or spelled or _COMPUTED.search(file.text)) or _has_unseen_base(site, file)


def _has_unseen_base(site: PoolSite, file: FileFacts) -> bool:
    """The class around the construction inherits from a class that this file does not define."""
    function = file.functions.get(site.function)
    todo = [function.qualname.split(".")[-2]] if function is not None and "." in function.qualname else []
    seen = {"object", "ABC", "abc.ABC", "Generic", "Protocol"}
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        found = re.search(_CLASS.format(re.escape(name)), file.text, re.MULTILINE)
        if found is None:
            return True
        todo.extend(base.partition("[")[0].strip() for base in (found[1] or "").split(",") if base.strip() and "=" not in base)
    return False

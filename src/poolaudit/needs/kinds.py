"""Which API a pool is today, and which ones stand beside it: questions about names.

Knows canonical names of pools and clusters. Must never look at what is done with a pool.
"""

from __future__ import annotations

from poolaudit.facts import Evidence
from poolaudit.tree import Subject


def third_party(subject: Subject) -> Evidence:
    site = subject.site
    if site.stdlib:
        return Evidence("no", f"`{site.api}` is one of the two", site.callee)
    names = site.api.split(" | ")
    if len(names) > 1 and any(name.startswith(("multiprocessing.", "concurrent.futures.")) for name in names):
        return Evidence("unknown", f"`{site.api}`: chosen at run time", site.callee)
    return Evidence("yes", f"`{site.api}` is of {site.family}", site.callee)


def torch(subject: Subject) -> Evidence:
    site = subject.site
    if " | " in site.api and "torch" in site.api:
        return Evidence("unknown", f"`{site.api}`", site.callee)
    if site.family == "torch.multiprocessing":
        return Evidence("yes", f"`{site.api}` moves tensors through shared memory", site.callee)
    return Evidence("no", f"`{site.api}` is of {site.family}", site.callee)


def executor(subject: Subject) -> Evidence:
    site = subject.site
    if site.kind == "unknown":
        return Evidence("unknown", f"`{site.api}`: the class is chosen at run time", site.callee)
    return Evidence("yes" if site.kind == "executor" else "no", f"`{site.api}`", site.callee)


def every_target_3_14(subject: Subject) -> Evidence:
    settings = subject.settings
    if not settings.declared:
        return Evidence("unknown", "no requires-python names the versions")
    older = settings.below((3, 14))
    if older:
        return Evidence("no", f"Python {older[0][0]}.{older[0][1]} is supported")
    return Evidence("yes", "requires-python starts at 3.14")


def executor_ahead(subject: Subject) -> Evidence:
    """loky and mpi4py.futures are executors; of dask it is what get_executor() gives, not every use of a Client."""
    modules = ("loky", "mpi4py.futures")
    dask = ("dask.distributed", "distributed") if ".get_executor(" in subject.file.text else ()
    return _imported(subject, (*modules, *dask), "offers the Executor API")


def pool_ahead(subject: Subject) -> Evidence:
    return _imported(subject, ("ray.util.multiprocessing",), "offers the Pool API")


def _imported(subject: Subject, modules: tuple[str, ...], offers: str) -> Evidence:
    file = subject.file
    for each in file.imports:
        for module in modules:
            if each.api == module or each.api.startswith(module + "."):
                if any(use.binding == "import" and (use.in_try or use.conditional) for use in file.globals.get(each.name, ())):
                    return Evidence("unknown", f"`{module}` is imported where it is installed", each.span)
                return Evidence("yes", f"`{module}` is imported and {offers}", each.span)
    return Evidence("no", f"no such cluster is imported, as {modules[0]}")

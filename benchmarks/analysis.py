"""What the analysis of a file costs beside its parse, in one process: no gate, no other files, no start-up.

    python benchmarks/analysis.py [--rounds N] FILE...        needs poolaudit

Prints JSON: for each file its path, its lines, and the seconds of CPU of each round, of libcst.parse_module and of
poolaudit's judge, which parses, too.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import libcst

from poolaudit.config import Config
from poolaudit.judge import judge
from poolaudit.selection import Selection
from poolaudit.source import from_text
from poolaudit.stack import roomy


def main() -> None:
    parser = argparse.ArgumentParser(description="What the analysis of a file costs beside its parse.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    warm = Config(root=Path.cwd(), plans=False)
    judge(from_text("from multiprocessing import Pool\nPool()\n", "warm.py"), warm, Selection(warm))
    # as in a run of poolaudit: rare collections, and a stack for deep trees
    records = roomy(lambda: [_record(path, options.rounds) for path in options.files])
    json.dump(records, sys.stdout)


def _record(path: Path, rounds: int) -> dict[str, object]:
    text = path.read_text("utf-8")
    config = Config(root=path.parent, plans=False)  # as for the text report
    source, selection = from_text(text, path.name), Selection(config)
    parse, whole = [], []
    for _ in range(rounds):
        parse.append(_seconds(lambda: libcst.parse_module(text)))
        whole.append(_seconds(lambda: judge(source, config, selection)))
    return {"path": str(path), "lines": text.count("\n"), "parse": parse, "judge": whole}


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    gc.collect()
    return seconds


if __name__ == "__main__":
    main()

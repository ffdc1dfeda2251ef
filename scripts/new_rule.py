"""Starts a rule: its module and its fixture folder, from templates that fail until they are filled in.

    python scripts/new_rule.py PA450 some-fault lifetime

Then `pytest -k PA450` says what is missing; CONTRIBUTING.md has the steps.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOPICS = ("run", "advice", "pickling", "startup", "lifetime", "results", "coroutines", "calls", "throughput")
"""The folders of poolaudit.rules; the first digit of a code is the place in this list."""

RULE = '''\
"""FILL IN: the fault in one sentence, with a full stop.

Why it hurts: FILL IN what was measured, and where.

When it is fine: FILL IN when a reader should leave the code as it is.

Limitations: FILL IN what is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index:
            continue
        if False:  # FILL IN: what must be proven before a word is said
            yield Finding(operation.point.span, "FILL IN: the function or variable, and the harm", label="FILL IN")


RULE = Rule(code="{code}", name="{name}", severity="warning", check=check, doc=__doc__)
'''

BAD = '''\
"""FILL IN: shows the harm when it is run, and prints what proves it."""

from multiprocessing import Pool


def main():
    raise NotImplementedError("FILL IN")


if __name__ == "__main__":
    main()
'''

SILENT = '''\
"""Near misses: what looks like the fault and is none. Never run."""

from multiprocessing import Pool


def fill_in():
    with Pool(2) as pool:
        return pool.map(abs, [1, -1])
'''


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("code", help="PA and three digits; the first one is the topic's")
    parser.add_argument("name", help="the fault, in words joined by hyphens: unread-map")
    parser.add_argument("topic", choices=TOPICS)
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's folder")
    arguments = parser.parse_args()
    try:
        written = scaffold(arguments.root, arguments.code, arguments.name, arguments.topic)
    except ValueError as error:
        parser.error(str(error))
    for path in written:
        print(path.relative_to(arguments.root))
    print(f"next: fill them in, then pytest -k {arguments.code}")
    return 0


def scaffold(root: Path, code: str, name: str, topic: str) -> list[Path]:
    """Writes the files of a new rule. Raises ValueError for a malformed or taken code or name."""
    if not re.fullmatch(r"PA\d{3}", code):
        raise ValueError(f"{code!r} is not PA and three digits")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name):
        raise ValueError(f"{name!r} is not words joined by hyphens")
    if int(code[2]) < len(TOPICS) and TOPICS[int(code[2])] != topic:
        raise ValueError(f"codes PA{code[2]}xx belong to {TOPICS[int(code[2])]}")
    taken = [
        folder.name for folder in (root / "fixtures").glob("PA*") if folder.name.startswith(f"{code}-") or folder.name[6:] == name
    ]
    if taken:
        raise ValueError(f"there is {taken[0]} already")
    fixture = root / "fixtures" / f"{code}-{name}"
    files = {
        root / "src" / "poolaudit" / "rules" / topic / f"{name.replace('-', '_')}.py": RULE.format(code=code, name=name),
        fixture / "bad.py": BAD,
        fixture / "good.py": BAD.replace("shows the harm when it is run, and prints what proves it", "the same, repaired"),
        fixture / "silent.py": SILENT,
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return list(files)


if __name__ == "__main__":
    sys.exit(main())

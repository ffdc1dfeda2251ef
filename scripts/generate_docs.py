"""Writes what can be derived: docs/rules, and the parts between markers in README.md and docs/*.md.

    python scripts/generate_docs.py            writes
    python scripts/generate_docs.py --check    writes nothing; status 1 and a list when something is out of date

A marker is a comment: `<!-- generated: rules docs/rules -->` up to `<!-- end -->`. What may stand in it:

    rules PAGES          the tables of all rules; PAGES is where their pages are, relative to the text
    tree                 the drawing of the decision tree
    words                what assume[..] may hold
    defaults PAGES       the rules whose programs end otherwise once the default start method is forkserver
    blockers, caveats    what keeps a pool from being moved, and what a move changes
    changes FOLDER       what the programs of a folder do on one Python after the other
    run COMMAND          what the command prints, run in the project's folder
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from poolaudit import explain
from poolaudit.catalog import rules
from poolaudit.decision import TREE
from poolaudit.migrate import pages
from poolaudit.tree import branches

ROOT = Path(__file__).resolve().parent.parent
MARKED = re.compile(r"(<!-- generated: (?P<what>\w+)(?P<rest>[^\n]*) -->\n).*?(<!-- end -->)", re.DOTALL)
COLUMNS = "100"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when something is out of date")
    check = parser.parse_args().check
    stale = {path: text for path, text in wanted(ROOT).items() if text != current(path)}
    for path, text in stale.items():
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            write(path, text)
    return int(check and bool(stale))


def wanted(root: Path) -> dict[Path, str | None]:
    """Every generated or partly generated file with the text that it should have; None: it should not be there."""
    pages: dict[Path, str | None] = {
        root / "docs" / "rules" / f"{rule.code}-{rule.name}.md": explain.markdown(rule) for rule in rules()
    }
    for path in sorted((root / "docs" / "rules").glob("*.md")):
        pages.setdefault(path, None)
    for path in (root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))):
        pages[path] = MARKED.sub(
            lambda marked: marked[1] + generated(marked["what"], marked["rest"].strip(), root) + marked[4], read(path)
        )
    return pages


def generated(what: str, rest: str, root: Path) -> str:
    """The text between two markers. Raises ValueError for a marker that nobody knows."""
    if what == "rules":
        text = explain.table(rules(), rest)
    elif what == "tree":
        text = explain.tree("markdown")
    elif what == "words":
        text = words()
    elif what == "blockers":
        text = pages.blockers_table()
    elif what == "caveats":
        text = pages.caveats_table()
    elif what == "defaults":
        text = explain.default_table(rules(), rest)
    elif what == "changes":
        text = explain.changes_table(root / rest)
    elif what == "run":
        text = transcript(rest, root)
    else:
        raise ValueError(f"nobody knows what is generated for {what!r}")
    return f"\n{text}\n"


def words() -> str:
    """The vocabulary of assume[..]."""
    rows = [f"| `{branch.question.word}`, `no-{branch.question.word}` | {branch.question.text} |" for branch in branches(TREE)]
    return "\n".join(["| word | what it answers |", "|---|---|", *dict.fromkeys(rows)]) + "\n"


def transcript(command: str, root: Path) -> str:
    """The command and what it prints, as a console block. Nothing in it may vary from run to run."""
    name, *arguments = shlex.split(command)
    assert name == "poolaudit", "only the project's own command is run"
    environment = {**os.environ, "COLUMNS": COLUMNS, "NO_COLOR": "1", "CI": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "poolaudit", *arguments],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return f"```console\n$ {command}\n{done.stdout.rstrip()}\n```\n"


def current(path: Path) -> str | None:
    return read(path) if path.is_file() else None


def read(path: Path) -> str:
    return path.read_text("utf-8")


def write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""The tools that are compared, each pinned and in a virtual environment of its own.

Knows pip and versions. Must never know a tree, how a tool is called or what it costs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path

from measuring import note

ROOT = Path(__file__).resolve().parent.parent

PINNED: dict[str, tuple[str, ...]] = {
    "ruff": ("ruff==0.17.6",),
    "ripgrep": ("ripgrep==14.1.0",),
    "ast-grep": ("ast-grep-cli==0.51.1",),
    "flake8": ("flake8==7.5.0", "flake8-bugbear==26.10.27", "flake8-comprehensions==3.17.0"),
    "pylint": ("pylint==4.1.4",),
    "fixit": ("fixit==2.2.1", "libcst==1.9.0"),
    "semgrep": ("semgrep==1.182.0",),
}


def poolaudit(work: Path) -> Path:
    """The folder of the programs of an environment with this checkout. Raises OSError when it cannot be installed."""
    sources = sorted(path for folder in ("src", "fixtures") for path in (ROOT / folder).rglob("*") if path.is_file())
    kept = [path for path in sources if path.suffix != ".pyc"]
    digest = _digest(part for path in [ROOT / "pyproject.toml", *kept] for part in (str(path).encode(), path.read_bytes()))
    found = _environment(work, "poolaudit", (str(ROOT),), digest)
    if found is None:
        raise OSError("this checkout cannot be installed")
    return found


def peer(work: Path, name: str) -> Path | None:
    """The folder of the programs of an environment with a peer; None, with a word on why, when it cannot be had."""
    requirements = PINNED[name]
    return _environment(work, name, requirements, _digest(each.encode() for each in requirements))


def ripgrep(work: Path) -> Path | None:
    """The program: pinned, else the one on PATH."""
    found = peer(work, "ripgrep")
    if found is not None and (found / "rg").exists():
        return found / "rg"
    on_path = shutil.which("rg")
    return Path(on_path) if on_path else None


def _digest(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256(sys.version.encode())
    for part in parts:
        whole.update(part + b"\0")
    return whole.hexdigest()


def _environment(work: Path, name: str, requirements: Sequence[str], digest: str) -> Path | None:
    """Made once; again when `digest` has changed."""
    folder = work / "environments" / name
    programs, mark = folder / ("Scripts" if os.name == "nt" else "bin"), folder / "digest"
    if mark.exists() and mark.read_text() == digest:
        return programs
    note(f"installing {name}")
    venv.create(folder, clear=True, with_pip=True)
    if not pip(programs / "python", "install", *requirements):
        return None
    mark.write_text(digest)
    return programs


def pip(python: Path | str, *arguments: str) -> bool:
    """Whether it worked; what went wrong is noted."""
    quiet = ("--quiet", "--disable-pip-version-check")
    done = subprocess.run([python, "-m", "pip", *arguments, *quiet], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        note(f"left out: pip {' '.join(arguments)}: {errors[0] if errors else done.stderr.strip()[-200:]}")
    return done.returncode == 0


def version(program: Path | str, *arguments: str) -> str:
    """The first number with dots that `--version` prints."""
    done = subprocess.run([program, *arguments, "--version"], capture_output=True, text=True, check=False)
    words = [word.strip("(),:") for word in done.stdout.split()]
    return next((word for word in words if word[:1].isdigit() and "." in word), "?")

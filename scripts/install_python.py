"""Installs CPython interpreters for the proofs, without root and beside what the machine has.

    python scripts/install_python.py 3.14            into the folder where the proofs look for interpreters
    python scripts/install_python.py 3.10 3.14 --to DIR

Prints the path of each interpreter. Ways, in this order, of which the first that works is taken:

    uv       the builds that `uv python install` downloads; uv itself comes from the package registry when it is not there
             (UV_PYTHON_INSTALL_MIRROR names another place for the builds)
    Debian   where apt-get is set up for a Debian archive: the packages of stable or unstable, unpacked into a folder

Status 1, and what stood in each way, when an interpreter cannot be had. Needs nothing but Python 3.9 and pip.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PYTHONS = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "poolaudit" / "pythons"
"""Where tests/proof/interpreters.py finds them: bin/python3.X, links to what was installed."""

PATIENCE = 600
"""Seconds for one download."""

DEBIAN_SUITES = ("stable", "sid")
"""Stable has one Python, unstable the newest; both suites of every Debian archive."""


class Impossible(Exception):
    """This way does not lead to an interpreter here. The message says why, in one line."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("versions", nargs="+", metavar="3.X", type=_minor, help="minor versions, e.g. 3.14")
    parser.add_argument("--to", type=Path, default=PYTHONS, metavar="DIR", help="the folder to install into")
    options = parser.parse_args()
    failed = 0
    for version in options.versions:
        interpreter = install(version, options.to.absolute())
        if interpreter is None:
            failed = 1
            print(f"Python {version} cannot be had here; POOLAUDIT_INTERPRETERS may name one from elsewhere", file=sys.stderr)
        else:
            print(interpreter)
    return failed


def _minor(text: str) -> str:
    if not re.fullmatch(r"3\.\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a minor version such as 3.14")
    return text


def install(version: str, folder: Path, ways: tuple[Callable[[str, Path], Path], ...] = ()) -> Path | None:
    """The interpreter of a version in `folder`, installed when it is not there; None when no way works, after saying why."""
    link = folder / "bin" / f"python{version}"
    if _starts(link, version):
        return link
    folder.mkdir(parents=True, exist_ok=True)
    for way in ways or (by_uv, by_debian):
        try:
            interpreter = way(version, folder)
            if not _starts(interpreter, version):
                raise Impossible("what was installed does not start")
        except Impossible as reason:
            print(f"{version} {way.__name__.replace('_', ' ')}: {reason}", file=sys.stderr)
            continue
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(interpreter)
        return link
    return None


def _starts(interpreter: Path, version: str) -> bool:
    """It runs, is the version that was asked for, and can start a worker."""
    if not interpreter.exists():
        return False
    question = (
        "import multiprocessing as m, platform; c = m.get_context('spawn'); p = c.Process(target=print); p.start(); p.join();"
    )
    answer = "print(platform.python_version(), p.exitcode)"
    done = subprocess.run([interpreter, "-c", f"{question} {answer}"], capture_output=True, text=True, timeout=60, check=False)
    return re.search(rf"^{re.escape(version)}\.\S+ 0$", done.stdout, re.MULTILINE) is not None


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What a command prints. Raises Impossible with the last line that it complains with."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Impossible(f"{command[0]}: {error}") from error
    if done.returncode:
        complaint = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Impossible(f"{Path(command[0]).name}: {complaint[-1] if complaint else f'status {done.returncode}'}")
    return done.stdout


# --- uv


def by_uv(version: str, folder: Path) -> Path:
    home = folder / "uv"
    with tempfile.TemporaryDirectory() as scratch:
        uv = shutil.which("uv") or _uv_from_the_registry(Path(scratch))
        environment = {**os.environ, "UV_PYTHON_INSTALL_BIN": "0"}
        _run([uv, "python", "install", "--install-dir", str(home), version], environment)
    found = sorted(home.glob(f"cpython-{version}.*/bin/python{version}"))
    if not found:
        raise Impossible("uv put it nowhere")
    return found[-1]


def _uv_from_the_registry(scratch: Path) -> str:
    _run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(scratch), "uv"])
    return str(scratch / "bin" / "uv")


# --- Debian


def by_debian(version: str, folder: Path) -> Path:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Impossible(f"there is no {tool}")
    reasons = []
    for suite in DEBIAN_SUITES:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                packages = _download(f"python{version}", suite, Path(scratch))
                return _unpack(packages, version, folder / f"debian-{version}", Path(scratch))
            except Impossible as reason:
                reasons.append(f"{suite}: {reason}")
    raise Impossible("; ".join(reasons))


def _archive() -> str:
    """The Debian archive that this machine's apt-get is set up for."""
    for line in _run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(RELEASE) $(REPO_URI)"]).splitlines():
        origin, release, uri = line.split()
        if origin == "Debian" and "-" not in release:
            return uri
    raise Impossible("apt-get is not set up for a Debian archive")


def _download(package: str, suite: str, scratch: Path) -> list[Path]:
    """The package and all that it needs, as if nothing were installed; apt-get's own folders are left alone."""
    keys = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f"[signed-by={keys}] " if keys.is_file() else ""
    (scratch / "sources.list").write_text(f"deb {signed}{_archive()} {suite} main\n")
    (scratch / "status").touch()
    for name in ("state/lists/partial", "cache/archives/partial"):
        (scratch / name).mkdir(parents=True)
    settings = {
        "Dir::State": scratch / "state",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": scratch / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::Etc::preferences": "-",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    _run([*apt, "update"])
    _run([*apt, "--yes", "--download-only", "--no-install-recommends", "install", package])
    return sorted((scratch / "cache" / "archives").glob("*.deb"))


START = """\
#!/bin/sh
# Starts it with the C library that came with it. --argv0 makes this file sys.executable, which workers are started by.
exec {loader} --argv0 {name} --library-path {libraries} {name}.elf "$@"
"""


def _unpack(packages: list[Path], version: str, home: Path, scratch: Path) -> Path:
    root = scratch / "root"
    for package in packages:
        _run(["dpkg-deb", "--extract", str(package), str(root)])
    usr, name = root / "usr", f"python{version}"
    loaders = sorted(usr.glob("lib/*/ld-linux*.so*"))
    if not (usr / "bin" / name).is_file() or not loaders:
        raise Impossible(f"the packages hold no {name} for {platform.machine()}")
    (usr / "bin" / name).rename(usr / "bin" / f"{name}.elf")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(root, home, symlinks=True)
    start, loader = home / "usr" / "bin" / name, home / loaders[0].relative_to(root)
    # plain paths: a command substitution would be one more process, which complains when a pool kills its workers
    paths = {"loader": loader, "libraries": loader.parent, "name": start}
    start.write_text(START.format(**{key: shlex.quote(str(path)) for key, path in paths.items()}))
    start.chmod(0o755)
    return start


if __name__ == "__main__":
    sys.exit(main())

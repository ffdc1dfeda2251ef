"""What earlier runs have found, so that a second run costs the walk.

An entry answers for one file under one name and configuration: it holds a digest of the bytes, and what was asked of other
files, with the answers; it counts only while all of that is the same. An index tells the files in which the bytes alone say that
there is no pool, by their state on disk: they are not even read.
Entries are signed with a key in the user's own folder: what somebody else has put into a repository is never unpickled.
Knows files, digests and pickles. Must never know a rule, a survey or the command line.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolaudit import __version__
from poolaudit.disk import Disk, Looks, digest
from poolaudit.source import Unreadable, discard, read_bytes, store

if TYPE_CHECKING:
    from poolaudit.report import FileReport

FOLDER = ".poolaudit_cache"

SETTLED = 2_000_000_000
"""Nanoseconds since the last change of a file before its state on disk tells its content: the coarsest clock, that of FAT, ticks
every two seconds (https://git-scm.com/docs/racy-git)."""

VERSIONS = 4
"""How many versions of poolaudit, libcst and Python keep their entries."""

_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# A cache of poolaudit (https://bford.info/cachedir/)\n"
_KEY_SIZE = 32
_SIGNATURE_SIZE = 32

_State = tuple[int, ...]
"""What changes with a file's content."""


class Cache:
    """The entries that one run may use. Whatever goes wrong with a file of the cache means that nothing is known."""

    def __init__(self, folder: str, key: bytes, disk: Disk, configured: Callable[[str], bytes]) -> None:
        """`folder`: of the entries of this version. `configured`: whatever the report of a file depends on beside files."""
        self.reports: dict[str, FileReport] = {}
        """By name: what is known already."""
        self._folder = folder
        self._key = key
        self._disk = disk
        self._configured = configured
        self._decided: dict[str, tuple[bytes, Looks]] = {}
        self._index: _Index | None = None
        self._is_writable = True

    # what discover asks

    def expect(self, paths: Sequence[str], names: Sequence[str]) -> None:
        """These files will be asked for, found below these paths."""
        if all(os.path.isdir(path) for path in paths):
            place = os.path.join(self._folder, f"index-{_named(os.getcwd(), *paths)}")
            known = self._load(place)
            self._index = _Index(place, known if isinstance(known, dict) else {})

    def is_blank(self, name: str) -> bool:
        """The bytes of the file, unchanged since, have said that there is no pool."""
        return self._index is not None and self._index.is_blank(name)

    def blank(self, name: str) -> None:
        """The bytes of the file say that there is no pool: they do not name one."""
        if self._index is not None:
            self._index.add(name, b"")

    def is_candidate(self, name: str, data: bytes) -> bool | None:
        """Whether a file with these bytes is a candidate; None when that is not known."""
        content = digest(data)
        if self._index is not None and self._index.holds(name, content):
            return False
        entry = self._load(self._place(name))
        if not isinstance(entry, tuple):
            return None
        known, looks, report = entry
        if known != content or not self._disk.shows(looks):
            return None
        if report is not None:
            self.reports[name] = report
        return report is not None

    def decide(self, name: str, data: bytes, is_candidate: bool, looks: Looks) -> None:
        """Whether a file with these bytes is a candidate, for which so much was asked of other files."""
        content = digest(data)
        self._decided[name] = content, looks
        if is_candidate:
            return
        if looks:
            self._store(self._place(name), (content, looks, None))
        elif self._index is not None:
            self._index.add(name, content)

    # what the engine asks

    def keep(self, name: str, report: FileReport, looks: Looks) -> None:
        """Remembers the report of a candidate."""
        content, before = self._decided[name]
        self._store(self._place(name), (content, {**before, **looks}, report))

    def close(self) -> None:
        """Remembers which files are blank."""
        if self._index is not None and self._index.has_changed:
            self._store(self._index.place, self._index.seen)

    # entries on disk

    def _place(self, name: str) -> str:
        return os.path.join(self._folder, _named(os.getcwd(), name, self._configured(name).hex()))

    def _load(self, place: str) -> Any:
        try:
            data = read_bytes(place)
        except Unreadable:
            return None
        signature, content = data[:_SIGNATURE_SIZE], data[_SIGNATURE_SIZE:]
        if not hmac.compare_digest(signature, self._signature(place, content)):
            return None
        return pickle.loads(content)  # our own: the signature says so

    def _store(self, place: str, entry: object) -> None:
        if not self._is_writable:
            return
        content = pickle.dumps(entry, protocol=5)
        try:
            if not os.path.isdir(self._folder):
                _prepare(Path(self._folder))
            store(place, self._signature(place, content) + content)
        except OSError:
            # a read-only project, a full disk: not again for each file
            self._is_writable = False

    def _signature(self, place: str, content: bytes) -> bytes:
        """Of the entry and its own name, so that one cannot stand for another."""
        signed = hashlib.blake2b(os.path.basename(place).encode(), key=self._key, digest_size=_SIGNATURE_SIZE)
        signed.update(content)
        return signed.digest()


class _Index:
    """The files below some paths in which the bytes alone say that there is no pool, by their state on disk."""

    def __init__(self, place: str, known: dict[str, tuple[_State | None, bytes]]) -> None:
        self.place = place
        self.seen: dict[str, tuple[_State | None, bytes]] = {}
        """State (None: too young to tell anything) and digest (of those that had to be parsed for it)."""
        self._known = known
        self._states: dict[str, _State | None] = {}
        self._settled = time.time_ns() - SETTLED

    @property
    def has_changed(self) -> bool:
        return self.seen != self._known

    def is_blank(self, name: str) -> bool:
        state = self._states[name] = self._state(name)
        known = self._known.get(name)
        if known is None or state is None or known[0] != state:
            return False
        self.seen[name] = known
        return True

    def holds(self, name: str, content: bytes) -> bool:
        """It has changed on disk, and is what it was all the same."""
        if self._known.get(name, (None, b""))[1] != content:
            return False
        self.add(name, content)
        return True

    def add(self, name: str, content: bytes) -> None:
        # the state from before it was read: a change since then shows
        self.seen[name] = self._states[name], content

    def _state(self, name: str) -> _State | None:
        try:
            status = os.stat(name)
        except (OSError, ValueError):
            return None
        latest = max(status.st_mtime_ns, status.st_ctime_ns)
        return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino) if latest < self._settled else None


def opened(root: Path, private: Path, disk: Disk, configured: Callable[[str], bytes]) -> Cache | None:
    """The cache of a project. `private`: the user's own folder, where the key is. None where one of them has no place."""
    folder = root / FOLDER
    key = _key(private)
    # a link might lead anywhere
    if key is None or folder.is_symlink():
        return None
    return Cache(str(folder / _version()), key, disk, configured)


def clean(root: Path) -> Path | None:
    """Removes the cache of a project; the folder, if there was one. Raises OSError."""
    folder = root / FOLDER
    if folder.is_symlink() or not _is_ours(folder):
        return None
    discard(str(folder))
    return folder


def _is_ours(folder: Path) -> bool:
    try:
        return read_bytes(str(folder / "CACHEDIR.TAG")) == _TAG
    except Unreadable:
        return False


def _prepare(folder: Path) -> None:
    """The first entry of a version: tells backups and git to leave the cache alone, and ends the oldest versions."""
    cache = folder.parent
    for name, content in (("CACHEDIR.TAG", _TAG), (".gitignore", b"*\n")):
        if not (cache / name).exists():
            store(str(cache / name), content)
    older = sorted((each for each in cache.iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in older[VERSIONS - 1 :]:
        discard(str(each))


def _key(private: Path) -> bytes | None:
    """The user's key, made at first use."""
    file = private / "cache-key"
    found = _read_key(file)
    if found is None:
        try:
            store(str(file), os.urandom(_KEY_SIZE))
        except OSError:
            return None
        # another run may have been faster
        found = _read_key(file)
    return found


def _read_key(file: Path) -> bytes | None:
    try:
        found = read_bytes(str(file))
    except Unreadable:
        return None
    return found if len(found) == _KEY_SIZE else None


def _version() -> str:
    """Whatever makes reports: our own sources, as they are on disk, libcst and Python."""
    sources = _sources(os.path.dirname(__file__))
    libcst = find_spec("libcst")
    version = Path(libcst.origin).with_name("_version.py") if libcst is not None and libcst.origin else None
    parser = read_bytes(str(version)).hex() if version is not None and version.exists() else ""
    return f"{__version__}-{sys.version_info.major}.{sys.version_info.minor}-{_named(sys.version, parser, *sources)[:16]}"


def _sources(folder: str) -> Iterable[str]:
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        if entry.name.endswith(".py"):
            status = entry.stat()
            yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"
        elif entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry.path)


def _named(*parts: str) -> str:
    """A file name for what the parts name."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(digest(part.encode("utf-8", "surrogateescape")))
    return found.hexdigest()

"""What a run asks of the disk about other files than the one that it looks at: asked once, and noted where it matters.

Answers are remembered, so that a run sees one state of the disk, and can be asked for again by a later run: the same answers
mean the same facts. Knows files, folders and digests. Must never know a module, a rule or what an answer is for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from poolaudit.source import Unreadable, read_bytes

Look = tuple[str, ...]
"""A question, a path, and what else the question needs."""
Answer = bool | str | tuple[str, ...] | bytes | None
Looks = Mapping[Look, Answer]


class Disk:
    """One object serves a whole run."""

    def __init__(self) -> None:
        self._known: dict[Look, Answer] = {}
        self._notes: list[dict[Look, Answer]] = []

    def is_file(self, path: str) -> bool:
        return bool(self._ask(("is_file", path)))

    def is_folder(self, path: str) -> bool:
        return bool(self._ask(("is_folder", path)))

    def real(self, path: str) -> str:
        """Its absolute path without symbolic links."""
        return str(self._ask(("real", path)))

    def mentions(self, path: str, word: str) -> bool:
        """It is a file that can be read and holds the word."""
        return bool(self._ask(("mentions", path, word)))

    def mentioning(self, folder: str, word: str) -> tuple[str, ...]:
        """The names of the .py files directly in a folder that hold the word, sorted."""
        found = self._ask(("mentioning", folder, word))
        assert isinstance(found, tuple)
        return found

    def read(self, path: str) -> bytes:
        """The whole file. Raises Unreadable."""
        look = "content", path
        try:
            data = read_bytes(path)
        except Unreadable:
            self._note(look, None)
            raise
        self._note(look, digest(data))
        return data

    def note_content(self, path: str) -> None:
        """What `read` has given, or would give, matters here, too."""
        self._ask(("content", path))

    @contextmanager
    def noting(self) -> Iterator[dict[Look, Answer]]:
        """Whatever is asked meanwhile, with the answers."""
        notes: dict[Look, Answer] = {}
        self._notes.append(notes)
        try:
            yield notes
        finally:
            self._notes.remove(notes)

    def shows(self, looks: Looks) -> bool:
        """All the answers are what they were."""
        return all(self._ask(look) == answer for look, answer in looks.items())

    def _ask(self, look: Look) -> Answer:
        if look not in self._known:
            self._known[look] = _QUESTIONS[look[0]](*look[1:])
        self._note(look, self._known[look])
        return self._known[look]

    def _note(self, look: Look, answer: Answer) -> None:
        self._known[look] = answer
        for notes in self._notes:
            notes[look] = answer


def digest(data: bytes) -> bytes:
    """What tells contents apart."""
    import hashlib  # it loads OpenSSL, which a run without pools does not need

    return hashlib.blake2b(data, digest_size=16).digest()


def _content(path: str) -> bytes | None:
    try:
        return digest(read_bytes(path))
    except Unreadable:
        return None


def _mentions(path: str, word: str) -> bool:
    try:
        return os.path.isfile(path) and word.encode() in read_bytes(path)
    except Unreadable:
        return False


def _mentioning(folder: str, word: str) -> tuple[str, ...]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".py"))
    except OSError:
        # a folder that cannot be listed is reported by the walk, if it is part of the run
        return ()
    return tuple(name for name in names if _mentions(os.path.join(folder, name), word))


_QUESTIONS: Mapping[str, Callable[..., Answer]] = {
    "is_file": os.path.isfile,
    "is_folder": os.path.isdir,
    "real": os.path.realpath,
    "mentions": _mentions,
    "mentioning": _mentioning,
    "content": _content,
}

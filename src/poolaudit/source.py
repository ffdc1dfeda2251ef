"""A file of source text: bytes to text and back, without losing one.

Knows encodings (PEP 263, byte order marks), newlines and how a file is written: a crash leaves the old or the new one whole.
It is the only module that opens a file for writing. Must never know Python's grammar, a pool, a rule or the command line.
"""

from __future__ import annotations

from dataclasses import dataclass


class Unreadable(Exception):  # noqa: N818 - read as a sentence: "raises Unreadable"
    """A file that cannot be opened or decoded. `line` and `column` count from 1; 0 when the place is not known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class ChangedOnDisk(Exception):  # noqa: N818 - as above
    """The file on disk is no longer the one that was read: it is left alone."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as it was read."""

    path: str
    """Where it is on disk; '' for text that came from elsewhere (standard input)."""
    name: str
    """What reports call it: as given on the command line, relative, with forward slashes."""
    text: str
    """Decoded, without the byte order mark, newlines exactly as they were (nothing is translated)."""
    encoding: str
    """Codec that decodes the bytes after the byte order mark, as Python's tokenizer names it: 'utf-8', 'iso-8859-1'."""
    bom: bytes = b""
    """The byte order mark that the file starts with."""
    newline: str = "\n"
    """The newline that most lines end with: what inserted lines should end with."""


def read(path: str, name: str | None = None) -> SourceFile:
    """Reads and decodes one file. `name` defaults to the path with forward slashes.

    Raises Unreadable when it cannot be opened, read or decoded.
    """
    raise NotImplementedError


def decode(data: bytes, name: str, path: str = "") -> SourceFile:
    """The source that `data` holds: standard input's bytes, or what another module has read from `path` already.

    Raises Unreadable when it cannot be decoded.
    """
    raise NotImplementedError


def from_text(text: str, name: str) -> SourceFile:
    """Text that is decoded already, of no file on disk."""
    raise NotImplementedError


def encode(source: SourceFile, text: str) -> bytes:
    """The bytes of `text` as a new content of `source`. Raises UnicodeEncodeError when its encoding lacks a character."""
    raise NotImplementedError


def write(source: SourceFile, text: str) -> None:
    """Replaces the file by `text`: a temporary file in the same folder, then os.replace; the mode is kept, symlinks are followed.

    Raises ChangedOnDisk when the file is no longer what `source` was read from, UnicodeEncodeError, OSError.
    """
    raise NotImplementedError

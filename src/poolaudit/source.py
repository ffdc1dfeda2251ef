"""A file of source text: bytes to text and back, without losing one.

Knows encodings (PEP 263, byte order marks), newlines, that a notebook's text is in its cells, and how a file is written: a crash
leaves the old or the new one whole.
It is the only module that opens a file for writing. Must never know Python's grammar, a pool, a rule or the command line.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from poolaudit.notebook import Notebook

NOTEBOOK = ".ipynb"

NEWLINE = re.compile(r"\r\n|\r|\n")
"""What ends a line for Python. str.splitlines knows more (form feed, U+2028), which Python does not."""

_ENCODED_NEWLINE = re.compile(rb"\r\n|\r|\n")


class Unreadable(Exception):
    """A file that cannot be opened or decoded. `line` and `column` count from 1; 0 when the place is not known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class ChangedOnDisk(Exception):
    """The file on disk is no longer the one that was read: it is left alone."""


class SourceFile(NamedTuple):
    """One file as it was read."""

    path: str
    """Where it is on disk; '' for text that came from elsewhere (standard input)."""
    name: str
    """What reports call it: as given on the command line, relative, with forward slashes."""
    text: str
    """Decoded, without the byte order mark, newlines exactly as they were (nothing is translated). Of a notebook: its code."""
    encoding: str
    """Codec that decodes the bytes after the byte order mark, as Python's tokenizer names it: 'utf-8', 'iso-8859-1'."""
    bom: bytes = b""
    """The byte order mark that the file starts with."""
    newline: str = "\n"
    """The newline that most lines end with: what inserted lines should end with."""
    notebook: Notebook | None = None
    """The document around the text as it was read; None for a plain file."""


class Lines:
    """Turns offsets of a text into lines and columns, both from 1, as Python counts lines."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(match.end() for match in NEWLINE.finditer(text))]

    def line(self, offset: int) -> int:
        """The line that the character at `offset` stands on."""
        return bisect_right(self.starts, offset)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`; the column counts code points."""
        line = self.line(offset)
        return line, offset - self.starts[line - 1] + 1


def read(path: str, name: str | None = None) -> SourceFile:
    """Reads and decodes one file. `name` defaults to the path with forward slashes.

    Raises Unreadable when it cannot be opened, read or decoded.
    """
    return decode(read_bytes(path), path.replace(os.sep, "/") if name is None else name, path)


def read_bytes(path: str) -> bytes:
    """The whole file. Raises Unreadable."""
    # os.open and os.read cost half of what open() does, and this runs for every file of a tree
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            chunks = [os.read(descriptor, size + 1)]
            # a short read: the file is larger than one read may be, or a pipe, whose size is 0
            while len(chunks[-1]) and (len(chunks) > 1 or len(chunks[0]) != size):
                chunks.append(os.read(descriptor, 1 << 20))
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        # ValueError: a NUL character in the path
        raise Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def decode(data: bytes, name: str, path: str = "") -> SourceFile:
    """The source that `data` holds: standard input's bytes, or what another module has read from `path` already.

    Raises Unreadable when it cannot be decoded.
    """
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    is_notebook = name.endswith(NOTEBOOK)
    encoding = "utf-8" if is_notebook else _encoding(data)
    body = data[len(bom) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line, column = _place(body, error.start)
        raise Unreadable(f"cannot be decoded as {encoding}: {error.reason}", line, column) from error
    except (LookupError, UnicodeError) as error:
        # LookupError: a codec of bytes (hex) or of text (rot13); UnicodeError: 'undefined'
        raise Unreadable(f"the declared encoding cannot decode anything: {error}", 1, 1) from error
    document = _notebook(text) if is_notebook else None
    if document is not None:
        text = document.code
    nul = text.find("\0")
    if nul >= 0:
        raise Unreadable("contains a NUL character: this is not Python source", *Lines(text[:nul]).position(nul))
    return SourceFile(path, name, text, encoding, bom, _newline(text), document)


def _notebook(document: str) -> Notebook:
    from poolaudit import notebook

    try:
        found = notebook.parse(document)
        found.code.encode()
    except notebook.NotANotebook as error:
        raise Unreadable(error.message, error.line, error.column) from error
    except UnicodeEncodeError as error:
        raise Unreadable("is no notebook: a cell holds half a character") from error
    return found


def from_text(text: str, name: str) -> SourceFile:
    """Text that is decoded already, of no file on disk."""
    return SourceFile("", name, text, "utf-8", b"", _newline(text))


def counted(source: SourceFile, line: int) -> tuple[int, int | None]:
    """A line of the text as people count it, and the cell of a notebook that it counts in. 0 is a line that is not known."""
    if source.notebook is None or not line:
        return line, None
    from poolaudit.notebook import CellLines

    cell, within = CellLines(source.notebook).place(line)
    return within, cell


def changed(source: SourceFile, text: str) -> SourceFile:
    """The same file with another text. Raises Unwritable."""
    if source.notebook is None:
        return source._replace(text=text)
    return source._replace(text=text, notebook=_notebook(source.notebook.rewritten(text)))


def content(source: SourceFile, text: str) -> str:
    """What the file holds, decoded, when its text is `text`: a notebook holds more. Raises Unwritable."""
    return text if source.notebook is None else source.notebook.rewritten(text)


def encode(source: SourceFile, text: str) -> bytes:
    """The bytes of `text` as a new content of `source`.

    Raises UnicodeEncodeError when its encoding lacks a character, Unwritable when a notebook's cells cannot hold it.
    """
    return source.bom + content(source, text).encode(source.encoding)


def write(source: SourceFile, text: str) -> None:
    """Replaces the file by `text`: a temporary file in the same folder, then os.replace; the mode is kept, symlinks are followed.

    Raises ChangedOnDisk when the file is no longer what `source` was read from, UnicodeError when its encoding cannot say the
    text or would change bytes that no edit touched, Unwritable when a notebook's cells cannot hold the text, OSError.
    """
    new = encode(source, text)
    target = os.path.realpath(source.path)
    _refuse_changed(source, target)
    _replace(target, new)


def store(path: str, data: bytes) -> None:
    """Writes a file of our own, whole or not at all; only its owner may read it. Makes the folders on the way. Raises OSError."""
    temporary = f"{path}.{os.urandom(4).hex()}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def discard(folder: str) -> None:
    """Removes a folder of our own with all that is in it. What cannot be removed raises OSError."""
    import shutil

    shutil.rmtree(folder)


def _refuse_changed(source: SourceFile, target: str) -> None:
    try:
        data = read_bytes(target)
    except Unreadable as error:
        raise ChangedOnDisk(f"{source.name} {error.message}: not written") from error
    if data == encode(source, source.text):
        return
    if source.notebook is not None:
        raise ChangedOnDisk(f"{source.name} has changed on disk meanwhile: not written")
    with contextlib.suppress(Unreadable):
        if decode(data, source.name).text == source.text:
            raise UnicodeError(f"{source.name}: {source.encoding} does not give back the bytes it was read from: not written")
    raise ChangedOnDisk(f"{source.name} has changed on disk meanwhile: not written")


def _replace(target: str, data: bytes) -> None:
    import tempfile

    status = os.stat(target)
    descriptor, temporary = tempfile.mkstemp(prefix=".poolaudit-", dir=os.path.dirname(target))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, status.st_mode & 0o7777)
        if hasattr(os, "chown"):
            # only the superuser may keep a foreign owner; for everybody else the file becomes their own, as with any editor
            with contextlib.suppress(PermissionError):
                os.chown(temporary, status.st_uid, status.st_gid)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _encoding(data: bytes) -> str:
    import tokenize

    # Lines as the tokenizer sees them: it knows a lone CR as a newline, bytes.splitlines and readline do not agree on it.
    head = iter([part + b"\n" for part in _ENCODED_NEWLINE.split(data, maxsplit=2)[:2]])
    try:
        encoding = tokenize.detect_encoding(lambda: next(head, b""))[0]
    except SyntaxError as error:
        return _encoding_of_broken_head(str(error.msg))
    except (LookupError, UnicodeError) as error:
        # from Python 3.14 on it tries the codec
        raise Unreadable(f"the declared encoding cannot decode anything: {error}", 1, 1) from error
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _encoding_of_broken_head(reason: str) -> str:
    if "unknown encoding" in reason:
        raise Unreadable(reason, 1, 1)
    if "encoding problem" in reason:
        raise Unreadable("the encoding declaration contradicts the byte order mark", 1, 1)
    # the first two lines are not UTF-8 and declare nothing: decoding the whole of it names the place
    return "utf-8"


def _place(data: bytes, offset: int) -> tuple[int, int]:
    before = _ENCODED_NEWLINE.split(data[:offset])
    return len(before), len(before[-1].decode("utf-8", "replace")) + 1


def _newline(text: str) -> str:
    crlf = text.count("\r\n")
    counts = {"\n": text.count("\n") - crlf, "\r\n": crlf, "\r": text.count("\r") - crlf}
    return max(counts, key=lambda newline: counts[newline])

"""Bytes to text and back: nothing is lost, and nothing is overwritten that somebody else has changed."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolaudit import source
from poolaudit.source import ChangedOnDisk, Lines, Unreadable

NEWLINES = ("\n", "\r\n", "\r")


@pytest.mark.parametrize(
    ("data", "encoding", "bom"),
    [
        (b"x = 1\n", "utf-8", b""),
        (b"", "utf-8", b""),
        ("x = 'é'\n".encode(), "utf-8", b""),
        (b"\xef\xbb\xbfx = 1\r\n", "utf-8", b"\xef\xbb\xbf"),
        (b"\xef\xbb\xbf# coding: utf-8\nx = 1\n", "utf-8", b"\xef\xbb\xbf"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "iso-8859-1", b""),
        (b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n", "cp1252", b""),
        (b"#!/usr/bin/python\r# coding: cp1252\rx = '\x80'\r", "cp1252", b""),
        (b"x = 1\r\ny = 2\rz = 3\n\x0c\nw = 4", "utf-8", b""),
    ],
)
def test_bytes_survive(data: bytes, encoding: str, bom: bytes) -> None:
    read = source.decode(data, "a.py")
    assert (read.encoding, read.bom) == (encoding, bom)
    assert source.encode(read, read.text) == data


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n#\ufeff")), st.sampled_from(NEWLINES)
        )
    )
)
def test_any_text_survives(lines: list[tuple[str, str]]) -> None:
    text = "".join(line + newline for line, newline in lines)
    data = text.encode()
    read = source.decode(data, "a.py")
    assert read.text == text
    assert source.encode(read, read.text) == data


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"x = 1\ny = '\xe9'\n", (2, 6), "cannot be decoded as utf-8"),
        ("x = 'é'; y = '".encode() + b"\xff'\n", (1, 15), "cannot be decoded as utf-8"),
        (b"# coding: nonsense\n", (1, 1), "unknown encoding: nonsense"),
        (b"\xef\xbb\xbf# coding: latin-1\n", (1, 1), "contradicts the byte order mark"),
        (b"# coding: rot13\n", (1, 1), "not a text encoding"),
        (b"# coding: undefined\n", (1, 1), "the declared encoding cannot decode anything"),
        (b"x = 1\ny = \0\n", (2, 5), "NUL character"),
        (b"\xff\xfex\0 \0=\0 \x001\0", (1, 1), "cannot be decoded as utf-8"),
    ],
)
def test_what_cannot_be_decoded_says_where(data: bytes, place: tuple[int, int], message: str) -> None:
    with pytest.raises(Unreadable, match=message) as caught:
        source.decode(data, "a.py")
    assert (caught.value.line, caught.value.column) == place


@pytest.mark.parametrize(("text", "newline"), [("a\r\nb\r\nc\n", "\r\n"), ("a\rb\r", "\r"), ("a\nb\r\n", "\n"), ("", "\n")])
def test_most_lines_decide_the_newline(text: str, newline: str) -> None:
    assert source.from_text(text, "a.py").newline == newline


def test_read_names_the_file_with_forward_slashes(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"x = 1\r\n")
    assert source.read(str(file)).name == file.as_posix()
    assert source.read(str(file), "pkg/a.py").name == "pkg/a.py"


@pytest.mark.parametrize(
    ("name", "message"), [("gone.py", "No such file"), (".", "Is a directory"), ("nul\0.py", "null (byte|character)")]
)
def test_what_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unreadable, match=message):
        source.read(name)


def test_pipes_are_read_to_the_end() -> None:
    readable, writable = os.pipe()
    content = b"x = 1\n" * 100_000

    def feed() -> None:
        with os.fdopen(writable, "wb") as pipe:
            pipe.write(content)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        assert source.read_bytes(f"/dev/fd/{readable}") == content
    finally:
        os.close(readable)
        feeder.join()


def test_short_reads_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_bytes(b"x = 1\n" * 1000)
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: real(descriptor, min(size, 100)))
    assert source.read_bytes(str(tmp_path / "a.py")) == b"x = 1\n" * 1000


def test_write_keeps_mode_bom_encoding_and_newlines(tmp_path: Path) -> None:
    file = tmp_path / "run.py"
    file.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 'caf\xc3\xa9'\r\n")
    file.chmod(0o751)
    read = source.read(str(file))
    source.write(read, read.text.replace("1", "2"))
    assert file.read_bytes() == b"\xef\xbb\xbfx = 2\r\ny = 'caf\xc3\xa9'\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o751
    assert os.listdir(tmp_path) == ["run.py"]


def test_write_follows_a_symlink(tmp_path: Path) -> None:
    target, link = tmp_path / "target.py", tmp_path / "link.py"
    target.write_text("x = 1\n")
    link.symlink_to(target)
    source.write(source.read(str(link)), "x = 2\n")
    assert link.is_symlink()
    assert target.read_text() == "x = 2\n"


@pytest.mark.parametrize("meanwhile", [b"x = 3\n", None], ids=["changed", "deleted"])
def test_what_changed_on_disk_is_left_alone(tmp_path: Path, meanwhile: bytes | None) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"x = 1\n")
    read = source.read(str(file))
    file.unlink()
    if meanwhile is not None:
        file.write_bytes(meanwhile)
    with pytest.raises(ChangedOnDisk):
        source.write(read, "x = 2\n")
    assert (file.read_bytes() if file.exists() else None) == meanwhile
    assert len(os.listdir(tmp_path)) == (meanwhile is not None)


def test_a_character_that_the_encoding_lacks_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"# coding: latin-1\nx = 1\n")
    with pytest.raises(UnicodeEncodeError):
        source.write(source.read(str(file)), "# coding: latin-1\nx = '\N{SNOWMAN}'\n")
    assert file.read_bytes() == b"# coding: latin-1\nx = 1\n"


def test_an_encoding_that_does_not_give_back_its_bytes_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    # UTF-7 may spell a letter in two ways, and would come back in the other one
    data = b"# coding: utf-7\nx = '+AGE-'\n"
    file.write_bytes(data)
    read = source.read(str(file))
    with pytest.raises(UnicodeError, match="does not give back"):
        source.write(read, read.text + "y = 1\n")
    assert file.read_bytes() == data


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"x = 1\n")
    read = source.read(str(file))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        source.write(read, "x = 2\n")
    assert file.read_bytes() == b"x = 1\n"
    assert os.listdir(tmp_path) == ["a.py"]


def test_lines_end_as_python_counts_them() -> None:
    text = "a\r\nb\rc\nd\x0ce\u2028f\n"
    lines = Lines(text)
    assert [lines.position(text.index(letter)) for letter in "abcdef"] == [(1, 1), (2, 1), (3, 1), (4, 1), (4, 3), (4, 5)]
    assert lines.position(len(text)) == (5, 1)

from __future__ import annotations

import gc
import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu import MalformedAnswer
from tongfu.bills import Spool, in_utf8


def of_chunks(*chunks: bytes) -> Spool:
    spool = Spool(1 << 30)
    for chunk in chunks:
        spool.write(chunk)
    return spool


@given(st.lists(st.text().map(str.encode)))
def test_what_was_written_is_read(chunks: list[bytes]) -> None:
    spool = of_chunks(*chunks)
    whole = b"".join(chunks)

    assert b"".join(spool.chunks()) == whole
    assert spool.size == len(whole)
    assert spool.text() == whole.decode()
    assert list(spool.lines()) == list(io.StringIO(whole.decode(), "\n"))


@given(st.text(), st.sampled_from(["utf-8", "gb18030"]), st.integers(1, 7))
def test_a_text_is_the_same_in_utf_8(text: str, charset: str, width: int) -> None:
    content = text.encode(charset)
    chunks = [content[at : at + width] for at in range(0, len(content), width)]

    assert in_utf8(chunks, charset, 1 << 20).text() == text.removeprefix("\ufeff")


@pytest.mark.parametrize("content", [b"\xe9", b"ok \xe9\x80", b"\xed\xa0\x80"], ids=["bare", "cut", "surrogate"])
def test_what_is_not_of_the_charset_is_no_text(content: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        in_utf8([content], "utf-8", 100)


def test_a_text_that_grows_beyond_the_limit_is_refused() -> None:
    assert in_utf8(["元".encode("gbk")], "gbk", 3).size == 3
    with pytest.raises(MalformedAnswer, match="larger than 2 bytes"):
        in_utf8(["元".encode("gbk")], "gbk", 2)


def test_readers_do_not_move_each_other() -> None:
    spool = of_chunks(b"one\n", b"two\n")
    first, second = spool.lines(), spool.lines()

    assert [next(first), next(second), next(second), next(first)] == ["one\n", "one\n", "two\n", "two\n"]


def test_a_reader_seeks_as_zipfile_wants_it() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("bill.csv", "a,b\n")
    spool = Spool.of(content.getvalue())

    with zipfile.ZipFile(io.BufferedReader(spool.open())) as archive:
        assert archive.read("bill.csv") == b"a,b\n"
    with pytest.raises(ValueError, match="before the beginning"):
        spool.open().seek(-1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts this process's open files")
def test_the_file_goes_with_the_object() -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    gc.collect()
    before = files()
    spool = of_chunks(b"x" * (2 << 20))
    lines = spool.lines()
    del spool
    assert next(lines).startswith("x")
    del lines
    gc.collect()
    assert files() == before


def test_a_hundred_thousand_lines_need_no_memory() -> None:
    spool = of_chunks(*(f"`{number},`1.00\r\n".encode() * 10 for number in range(10_000)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in spool.lines()) == 100_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()

"""Where a file goes that may be too large to hold: memory while it is small, a nameless temporary file later."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Final, Self

from tongfu.errors import MalformedAnswer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

IN_MEMORY: Final = 1 << 20  # bytes
_CHUNK: Final = 1 << 16


class Spool:
    """
    Bytes that are written first and then read, any number of times and by several readers at once.

    The file is closed, and gone, with this object.

    :param limit: the most bytes it takes.
    """

    __slots__ = ("_file", "_limit", "_lock", "size")

    def __init__(self, limit: int) -> None:
        import tempfile  # noqa: PLC0415 - takes longer than all of tongfu, and most accounts load no bill

        self.size = 0
        self._limit = limit
        self._lock = Lock()
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed in __del__

    @classmethod
    def of(cls, content: bytes) -> Self:
        spool = cls(len(content))
        spool.write(content)
        return spool

    def write(self, chunk: bytes) -> None:
        """:raises MalformedAnswer: this is more than the limit."""
        self.size += len(chunk)
        if self.size > self._limit:
            raise MalformedAnswer(f"the answer is larger than {self._limit} bytes")
        self._file.write(chunk)

    def open(self) -> io.RawIOBase:
        """A reader with a place of its own, from the beginning; it can seek."""
        return _Reader(self)

    def chunks(self) -> Iterator[bytes]:
        reader = self.open()
        while chunk := reader.read(_CHUNK):
            yield chunk

    def lines(self) -> Iterator[str]:
        """What is UTF-8, line by line, each with its end; only a line feed ends one."""
        return io.TextIOWrapper(io.BufferedReader(self.open(), _CHUNK), "utf-8", newline="\n")

    def text(self) -> str:
        """What is UTF-8, all of it."""
        return b"".join(self.chunks()).decode()

    def read_at(self, place: int, buffer: WriteableBuffer) -> int:
        """Fill *buffer* from *place* on; how much of it is full."""
        with self._lock:
            self._file.seek(place)
            return self._file.readinto(buffer)

    def __del__(self) -> None:
        self._file.close()


class _Reader(io.RawIOBase):
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._spool.size}[whence]
        if place < 0:
            raise ValueError("a place before the beginning")
        self._place = place
        return place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = self._spool.read_at(self._place, buffer)
        self._place += count
        return count


def in_utf8(chunks: Iterable[bytes], charset: str, limit: int) -> Spool:
    """
    A text of *charset* in UTF-8, without a byte-order mark.

    :raises UnicodeDecodeError: it is not of that charset.
    :raises MalformedAnswer: it is more than *limit* bytes.
    """
    decoder = codecs.getincrementaldecoder(charset)()
    spool = Spool(limit)
    begun = False
    for chunk in chunks:
        text = decoder.decode(chunk)
        if text and not begun:
            begun, text = True, text.removeprefix("\ufeff")
        spool.write(text.encode())
    spool.write(decoder.decode(b"", final=True).encode())
    return spool

"""
Pictures without an imaging library: codes drawn as PNG or JPEG, and the size that any PNG, JPEG or GIF says it has.

A code's modules are whole blocks of eight pixels where it is a JPEG, so each block has one colour and
needs no cosine transform: only its constant term is written.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PNG: Final = b"\x89PNG\r\n\x1a\n"
BLOCK: Final = 8
LARGEST: Final = 40_000_000  # pixels of a picture that is looked at

Colour = tuple[int, int, int]
Matrix = Sequence[Sequence[int]]
WHITE: Final[Colour] = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A square picture and where on it the code stands, in pixels."""

    content_type: str
    data: bytes
    left: int
    top: int
    side: int


def draw(matrix: Matrix, width: int, colour: Colour, *, transparent: bool) -> Drawn:
    """
    The code of *matrix* on a square of *width* pixels: a PNG without background, or a JPEG.

    It stays sharp: its modules are as many whole pixels (blocks, for a JPEG) as fit, with a quiet zone of four.
    Where not even one block a module fits, it is a PNG on white.
    """
    modules = len(matrix)
    scale = width // (BLOCK * (modules + 8))
    if transparent or not scale:
        scale = max(1, width // (modules + 8))
        left = (width - modules * scale) // 2
        data = _png(matrix, width, scale, left, colour, transparent=transparent)
        return Drawn("image/png", data, left, left, modules * scale)
    blocks = -(-width // BLOCK)
    left = (blocks - modules * scale) // 2
    dark = [[False] * blocks for _ in range(blocks)]
    for y, row in enumerate(matrix):
        for x, value in enumerate(row):
            for dy in range(scale if value else 0):
                at = left + x * scale
                dark[left + y * scale + dy][at : at + scale] = [True] * scale
    side = modules * scale * BLOCK
    return Drawn("image/jpeg", _jpeg(dark, width, colour), left * BLOCK, left * BLOCK, side)


def blank(width: int, height: int) -> bytes:
    """A grey PNG of that size."""
    row = b"\x00" + b"\x55" * -(-width // 4)
    return _png_file(width, height, 2, 0, row * height)


def size(data: bytes) -> tuple[str, int, int]:
    """
    Content type, width and height as the header says.

    :raises ValueError: no PNG, JPEG or GIF, or one that is cut off in its header.
    """
    try:
        if data.startswith(PNG) and data[12:16] == b"IHDR":
            kind, (width, height) = "image/png", struct.unpack(">II", data[16:24])
        elif data[:6] in {b"GIF87a", b"GIF89a"}:
            kind, (width, height) = "image/gif", struct.unpack("<HH", data[6:10])
        elif data.startswith(b"\xff\xd8\xff"):
            kind, (width, height) = "image/jpeg", _jpeg_size(data)
        else:
            raise ValueError("no PNG, JPEG or GIF")
    except struct.error:
        raise ValueError("the header is cut off") from None
    if not width or not height or width * height > LARGEST:
        raise ValueError(f"a picture has 1 to {LARGEST} pixels")
    return kind, width, height


# --- PNG ----------------------------------------------------------------------------------------------


def _png(matrix: Matrix, width: int, scale: int, left: int, colour: Colour, *, transparent: bool) -> bytes:
    empty = b"\x00" + bytes(-(-width // 8))
    rows = [empty] * left
    for row in matrix:
        bits = "0" * left + "".join(("1" if value else "0") * scale for value in row)
        packed = int(bits.ljust(8 * -(-width // 8), "0"), 2).to_bytes(-(-width // 8), "big")
        rows += [b"\x00" + packed] * scale
    rows += [empty] * (width - len(rows))
    palette = _chunk(b"PLTE", bytes([*WHITE, *colour]))
    if transparent:
        palette += _chunk(b"tRNS", b"\x00\xff")
    return _png_file(width, width, 1, 3, b"".join(rows), palette)


def _png_file(width: int, height: int, depth: int, kind: int, rows: bytes, palette: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return PNG + header + palette + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# --- JPEG ---------------------------------------------------------------------------------------------

# Constant terms differ by less than 2048, so they have 0 to 11 bits: twelve categories, coded in four bits each.


def _jpeg(dark: Sequence[Sequence[bool]], width: int, colour: Colour) -> bytes:
    """A baseline JPEG, 4:4:4, in blocks of one colour each."""
    levels = {False: _constant_terms(WHITE), True: _constant_terms(colour)}
    bits: list[str] = []
    before = [0, 0, 0]
    for row in dark:
        for value in row:
            for component, level in enumerate(levels[value]):
                bits.append(_difference(level - before[component]))
                before[component] = level
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    scan = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
    ones = bytes([1] * 64)
    dc = b"\x00" + bytes([0, 0, 0, 12, *[0] * 12]) + bytes(range(12))
    ac = b"\x10" + bytes([1, *[0] * 15]) + b"\x00"  # one code: the block ends
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xDB, b"\x00" + ones),
            _segment(0xC0, struct.pack(">BHHB", 8, width, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])),
            _segment(0xC4, dc),
            _segment(0xC4, ac),
            _segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])),
            scan,
            b"\xff\xd9",
        ]
    )


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _constant_terms(colour: Colour) -> tuple[int, int, int]:
    """JFIF's YCbCr of a colour, each as the constant term of a block that is full of it."""
    red, green, blue = colour
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = (blue - y) * 0.564, (red - y) * 0.713
    return round(8 * (y - 128)), round(8 * cb), round(8 * cr)


def _difference(value: int) -> str:
    """The category in four bits, then the value in as many as the category says, then the end of the block."""
    if value == 0:
        return "0000" + "0"
    category = abs(value).bit_length()
    low = value if value > 0 else value + (1 << category) - 1
    return f"{category:04b}{low:0{category}b}0"


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        marker, length = struct.unpack(">HH", data[at : at + 4])
        if marker >> 8 != 0xFF or length < 2:
            raise ValueError("the JPEG is broken")
        if 0xC0 <= marker & 0xFF <= 0xCF and marker & 0xFF not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length


def crop(width: int, height: int, ratio: float) -> dict[str, int]:
    """The largest box of that ratio of width to height, in the middle."""
    box_width = min(width, math.floor(height * ratio)) or 1
    box_height = min(height, math.floor(width / ratio)) or 1
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return {"crop_left": left, "crop_top": top, "crop_right": left + box_width, "crop_bottom": top + box_height}

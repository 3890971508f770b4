"""Finds damage that OpenCV decodes without a word, so that half a picture is never taken for a good part.

What a format says about itself is compared with what is there: lengths, marks and check sums. Formats that store bare
pixels (BMP, PGM and PPM, TIFF without compression) say nothing, and lossy WebP too little: nothing is found in them.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Decoder = Callable[[bytes], NDArray[np.generic] | None]
"""Encoded bytes -> pixels as the file holds them, or None."""

_JPEG, _TIFF = b"\xff\xd8", (b"II*\0", b"MM\0*")
_LEAST_RUN = 64
"""Bytes; as many zeros as a picture's coded data do not hold, and far fewer than a lost block of a disk or memory."""


def find(data: bytes, pixels: NDArray[np.generic], decode: Decoder) -> str:
    """What is wrong with a file that was decoded.

    Args:
        data: The file.
        pixels: What the decoder made of it.
        decode: The decoder. A suspect JPEG is decoded once more, with an end that a whole one bears.

    Returns:
        In a few words; empty if nothing was found.
    """
    if data.startswith(_JPEG):
        return _find_in_jpeg(data, pixels, decode)
    if data.startswith(_TIFF):
        return _find_in_tiff(data, pixels)
    # Lossless WebP codes an even area as long copies, never as a long run of zeros.
    if data[:4] == b"RIFF" and b"VP8L" in data[8:64] and bytes(2 * _LEAST_RUN) in data:
        return "a part of its data is zeros"
    return ""


# JPEG (ITU T.81, annex B) ------------------------------------------------------------------------------------------

_END, _SCAN, _RESTART = 0xD9, 0xDA, 0xDD
_PROGRESSIVE = 0xC2
_FRAMES = frozenset({0xC0, 0xC1, _PROGRESSIVE})
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next mark after coded data: a stuffed zero and the restart marks are part of the data."""

_RESTARTS = re.compile(rb"\xff([\xd0-\xd7])")
_FILLER = b"\x5a\xa5\x3c" * 40
_EMPTY = 128  # what the decoder fills in where data are missing


@dataclass
class _Jpeg:
    """The parts of a JPEG file. Segments are stepped over by their length: a thumbnail in one has marks of its own."""

    ended: bool = False
    frame: bytes = b""
    progressive: bool = False
    scans: list[tuple[int, int]] = field(default_factory=list)
    restarts_lost: bool = False
    bits_left: dict[tuple[int, int], int] = field(default_factory=dict)
    """Component and coefficient -> its lowest bits that no scan brought yet."""


def _find_in_jpeg(data: bytes, pixels: NDArray[np.generic], decode: Decoder) -> str:
    jpeg = _walk(data)
    if not jpeg.ended:
        return "cut off"
    if jpeg.restarts_lost or not _is_complete(jpeg):
        return "a part of its data is lost"
    # Where a decoder runs out of one of several scans, no pixel is empty.
    if len(jpeg.scans) == 1 and jpeg.frame:
        return _find_in_scan(data, jpeg.scans[0], pixels, decode)
    return ""


def _find_in_scan(data: bytes, scan: tuple[int, int], pixels: NDArray[np.generic], decode: Decoder) -> str:
    """Looks for data that ended before the picture, or the picture before its data.

    A decoder that has the whole picture does not look at what follows, not even for an end mark: so it is given other
    data there. The end mark is left away, or it would complain.
    """
    start, end = scan

    def ends_by(place: int) -> bool:
        again = decode(data[:place] + _FILLER)
        return again is not None and np.array_equal(again, pixels)

    if _has_empty_corner(pixels):
        return "" if ends_by(end) else "a part of its data is lost"
    # Zeros may be an even area, and a camera may fill up the end with anything: only both together are damage.
    zeros = data.find(bytes(_LEAST_RUN), start, end)
    if zeros >= 0 and data[zeros : end - _LEAST_RUN].strip(b"\0") and ends_by(end - _LEAST_RUN):
        return "a part of its data is zeros"
    return ""


def _walk(data: bytes) -> _Jpeg:
    jpeg, at, interval = _Jpeg(), 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _END:
        mark = data[at + 1]
        if mark == 0xFF:  # a fill byte
            at += 1
            continue
        start, at = at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4])
        segment = data[start:at]
        if mark in _FRAMES:
            jpeg.frame, jpeg.progressive = segment, mark == _PROGRESSIVE
        elif mark == _RESTART:
            interval = int.from_bytes(segment[:2])
        elif mark == _SCAN:
            after = _AFTER_SCAN.search(data, at)
            if after is None:
                return jpeg
            jpeg.scans.append((at, after.start()))
            _note_bits(jpeg, segment)
            if interval and _restarts_lost(data[at : after.start()], jpeg.frame, segment, interval):
                jpeg.restarts_lost = True
            at = after.start()
    jpeg.ended = data[at : at + 2] == bytes((0xFF, _END))
    return jpeg


def _note_bits(jpeg: _Jpeg, scan: bytes) -> None:
    """Notes what a scan brings: some bits of some coefficients, or everything where the file is not progressive."""
    count = scan[0] if scan else 0
    if len(scan) < 4 + 2 * count:
        return
    first, last, bits = scan[1 + 2 * count : 4 + 2 * count] if jpeg.progressive else (0, 63, 0)
    for component in scan[1 : 1 + 2 * count : 2]:
        jpeg.bits_left.update({(component, number): bits & 15 for number in range(first, last + 1)})


def _is_complete(jpeg: _Jpeg) -> bool:
    """Whether the scans brought every bit of every coefficient."""
    components = jpeg.frame[6::3]
    return not any(jpeg.bits_left.get((each, number), 1) for each in components for number in range(64))


def _restarts_lost(coded: bytes, frame: bytes, scan: bytes, interval: int) -> bool:
    """Whether restart marks are fewer than the size of the picture asks for, or not in turn."""
    marks = b"".join(_RESTARTS.findall(coded))
    in_turn = bytes(range(0xD0, 0xD8)) * (len(marks) // 8 + 1)
    return marks != in_turn[: len(marks)] or len(marks) < -(-_units(frame, scan) // interval) - 1


def _units(frame: bytes, scan: bytes) -> int:
    """How many units a scan codes; 0 if its header is not understood."""
    if len(frame) < 9 or len(frame) < 6 + 3 * frame[5] or len(scan) < 2:
        return 0
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    factors = {frame[n]: (frame[n + 1] >> 4, frame[n + 1] & 15) for n in range(6, 6 + 3 * frame[5], 3)}
    across = max(factor[0] for factor in factors.values())
    down = max(factor[1] for factor in factors.values())
    if scan[0] > 1:
        return -(-width // (8 * across)) * -(-height // (8 * down)) if across and down else 0
    own_across, own_down = factors.get(scan[1], (0, 0))
    if not own_across or not own_down:
        return 0
    return -(-width * own_across // (8 * across)) * -(-height * own_down // (8 * down))


def _has_empty_corner(pixels: NDArray[np.generic]) -> bool:
    """Whether the last pixel, which the camera's orientation may have turned into any corner, is as if never coded."""
    return any((pixels[row, column] == _EMPTY).all() for row in (0, -1) for column in (0, -1))


# TIFF 6.0 ----------------------------------------------------------------------------------------------------------

_LZW, _DEFLATE = 5, (8, 32946)
_TYPES = {1: "B", 3: "H", 4: "I"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ORIENTATION, _SAMPLES, _ROWS, _PLANAR = 256, 257, 258, 259, 274, 277, 278, 284
_PHOTOMETRIC, _FILL_ORDER = 262, 266
_STRIPS, _STRIP_BYTES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 273, 279, 322, 323, 324, 325
_WANTED = frozenset({*range(256, 285), *range(322, 326)})


def _find_in_tiff(data: bytes, pixels: NDArray[np.generic]) -> str:
    try:
        tags = _tags(data)
        kind = tags.get(_COMPRESSION, (1,))[0]
        if (kind != _LZW and kind not in _DEFLATE) or tags.get(_FILL_ORDER, (1,))[0] != 1:
            return ""
        for number, coded, size in _pieces(data, tags):
            if kind == _LZW and _may_be_empty(pixels, tags, number) and not _lzw_is_whole(coded, size):
                return "a part of its data is damaged"
            if kind != _LZW and not _deflate_is_whole(coded, size):
                return "a part of its data is damaged"
    except KeyError:  # the decoder made do without what a TIFF should have
        return ""
    except (struct.error, IndexError, ZeroDivisionError):
        return "its directory is damaged"
    return ""


def _tags(data: bytes) -> dict[int, tuple[int, ...]]:
    """The whole numbers of the first directory: tag -> values."""
    order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    tags = {}
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, at)
        if tag not in _WANTED or kind not in _TYPES:
            continue
        form = f"{order}{length}{_TYPES[kind]}"
        place = at + 8
        if struct.calcsize(form) > 4:
            (place,) = struct.unpack_from(order + "I", data, place)
        tags[tag] = struct.unpack_from(form, data, place)
    return tags


def _pieces(data: bytes, tags: dict[int, tuple[int, ...]]) -> Iterator[tuple[int, bytes, int]]:
    """Number, coded bytes and decoded size in bytes of each strip or tile."""
    width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
    apart = tags.get(_PLANAR, (1,))[0] == 2
    bits = tags.get(_BITS, (1,))[0] * (1 if apart else tags.get(_SAMPLES, (1,))[0])
    if _TILES in tags:
        offsets, lengths = tags[_TILES], tags[_TILE_BYTES]
        columns, rows = tags[_TILE_WIDTH][0], tags[_TILE_HEIGHT][0]
    else:
        offsets, lengths = tags[_STRIPS], tags[_STRIP_BYTES]
        columns, rows = width, min(height, tags.get(_ROWS, (height,))[0])
    a_plane = -(-height // rows)
    for number, (offset, length) in enumerate(zip(offsets, lengths, strict=False)):
        last = _TILES not in tags and number % a_plane == a_plane - 1
        here = height - rows * (a_plane - 1) if last else rows
        yield number, data[offset : offset + length], here * -(-columns * bits // 8)


def _may_be_empty(pixels: NDArray[np.generic], tags: dict[int, tuple[int, ...]], number: int) -> bool:
    """Whether a strip ends black, as the decoder leaves it after a fault; True where that is not easily told.

    A strict look at every strip would take as long as decoding.
    """
    plain = tags.get(_ORIENTATION, (1,)) == (1,) and tags.get(_PLANAR, (1,)) == (1,)
    if _TILES in tags or not plain or tags.get(_PHOTOMETRIC, (0,))[0] not in (1, 2):
        return True
    end = min(len(pixels), (number + 1) * tags.get(_ROWS, (len(pixels),))[0])
    return not np.any(pixels[end - 1, -1])


def _deflate_is_whole(coded: bytes, size: int) -> bool:
    """Whether a strip decodes to its size and its check sum is right."""
    decoder = zlib.decompressobj()
    try:
        return len(decoder.decompress(coded, size + 1)) >= size and decoder.eof
    except zlib.error:
        return False


_CLEAR, _STOP, _FIRST_FREE = 256, 257, 258
# Codes grow as the table does, one code earlier than would be needed (TIFF 6.0, section 13).
_CODE_BITS = np.repeat([9, 10, 11, 12], [254, 512, 1024, 2050]).astype(np.int64)
_CODE_ENDS = np.cumsum(_CODE_BITS)


def _lzw_is_whole(coded: bytes, size: int) -> bool:
    """Whether a strip's codes are all in the table and stand for so many bytes."""
    stored = np.frombuffer(coded + bytes(4), np.uint8).astype(np.int64)
    at, made = 0, 0
    while made < size:
        ends = at + _CODE_ENDS[: np.searchsorted(_CODE_ENDS, 8 * len(coded) - at, side="right")]
        starts = ends - _CODE_BITS[: len(ends)]
        first = starts >> 3
        window = stored[first] << 16 | stored[first + 1] << 8 | stored[first + 2]
        codes = window >> (24 - (starts & 7) - (ends - starts)) & ((1 << (ends - starts)) - 1)
        stops = np.flatnonzero((codes == _CLEAR) | (codes == _STOP))
        count = int(stops[0]) if len(stops) else len(codes)
        lengths = _lzw_lengths(codes[:count])
        if lengths is None:
            return False
        made += int(lengths.sum())
        if not len(stops) or codes[count] == _STOP:
            break
        at = int(ends[count])
    return made >= size


def _lzw_lengths(codes: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """How many bytes each code stands for, or None if one is not in the table yet.

    Each code but the first adds an entry: the string of the code before it and one byte more. So a code for an entry is
    one byte longer than the code that stood before the one that added it, and so on back to a single byte; the links
    are followed for all codes at once, in steps that double.
    """
    places = np.arange(len(codes))
    if np.any(codes >= _FIRST_FREE + places) or (len(codes) and codes[0] > 255):
        return None
    coded = codes >= _FIRST_FREE
    link = np.where(coded, codes - _FIRST_FREE, places)
    lengths = np.where(coded, 1, 0)
    while np.any(further := lengths[link]):
        lengths, link = lengths + further, link[link]
    return lengths + 1

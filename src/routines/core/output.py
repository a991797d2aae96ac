"""What is kept of a command's output, and how it is read: its beginning, and the newest of the rest.

Where it is kept, and who prints it, is not known here.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NamedTuple

HEAD_BYTES_MAX = 256 * 1024  # how a command began is where most of what goes wrong can be read
TAIL_BYTES_MAX = 256 * 1024  # and how it ended is where the rest can
EXCERPT_BYTES_MAX = 128 * 1024  # one reply


class Excerpt(NamedTuple):
    """A part of an output, in bytes from its beginning: where it starts, and from where to read on.

    What lies between the place that was asked for and `start` was not kept. With `is_end` nothing more will come.
    """

    content: str
    start: int
    after: int
    is_end: bool


def excerpt(
    pieces: Sequence[tuple[int, bytes]], after: int, *, over: bool, bytes_max: int = EXCERPT_BYTES_MAX
) -> Excerpt:
    """The text from a place on, of what was kept; `over` says that nothing more is printed.

    Bytes that are no UTF-8, and NUL, are shown as the replacement character. A character of which only the beginning
    has been printed is left for the next time.
    """
    for position, (start, piece) in enumerate(pieces):
        if start + len(piece) <= after:
            continue
        begin = max(start, after)
        content = piece[begin - start :]
        for following, more in pieces[position + 1 :]:
            if following != begin + len(content) or len(content) >= bytes_max:
                break
            content += more
        cut = content[:bytes_max]
        is_last = begin + len(cut) == pieces[-1][0] + len(pieces[-1][1])
        goes_on = len(content) > bytes_max or (is_last and not over)
        kept = _whole_characters(cut) if goes_on else cut
        text = kept.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        end = begin + len(kept)
        return Excerpt(text, begin, end, is_end=over and is_last)
    return Excerpt("", after, after, is_end=over)


class Ends(NamedTuple):
    """The beginning of an output and, where that is not all, its end; between them, so many bytes are left out."""

    head: Excerpt
    tail: Excerpt | None
    left_out: int


def ends(pieces: Sequence[tuple[int, bytes]], *, over: bool, head_bytes_max: int, tail_bytes_max: int) -> Ends:
    """What was kept of an output, shortened in the middle to the two bounds together."""
    end = pieces[-1][0] + len(pieces[-1][1]) if pieces else 0
    if end <= head_bytes_max + tail_bytes_max:
        return Ends(excerpt(pieces, 0, over=over, bytes_max=head_bytes_max + tail_bytes_max), None, 0)
    head = excerpt(pieces, 0, over=over, bytes_max=head_bytes_max)
    start = _character_start(pieces, max(head.after, end - tail_bytes_max))
    tail = excerpt(pieces, start, over=over, bytes_max=tail_bytes_max)
    return Ends(head, tail, tail.start - head.after)


def _character_start(pieces: Sequence[tuple[int, bytes]], place: int) -> int:
    """The first place from there on where a character begins: UTF-8 continues one with at most three bytes."""
    for start, piece in pieces:
        if start <= place < start + len(piece):
            follows = piece[place - start : place - start + 3]
            return place + next((n for n, byte in enumerate(follows) if byte & 0xC0 != 0x80), 0)  # noqa: PLR2004 - UTF-8
    return place


def _whole_characters(content: bytes) -> bytes:
    """Without the beginning of a character at its end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(content)
    unfinished, _ = decoder.getstate()
    return content[: len(content) - len(unfinished)]


class Window:
    """Takes in an output of any length, and gives out what is to be kept of it, in bounded memory."""

    def __init__(self) -> None:
        self._taken = 0
        self._new_head = bytearray()
        self._tail = bytearray()
        self._tail_changed = False

    @property
    def changed(self) -> bool:
        """True if there is anything new to keep."""
        return bool(self._new_head) or self._tail_changed

    def take(self, content: bytes) -> None:
        """Take in what was printed next."""
        room = max(0, HEAD_BYTES_MAX - self._taken)
        self._new_head += content[:room]
        rest = content[room:]
        if rest:
            self._tail += rest
            del self._tail[: max(0, len(self._tail) - TAIL_BYTES_MAX)]
            self._tail_changed = True
        self._taken += len(content)

    def put_back(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        """What the last `flush` gave out could not be kept: it is given out again."""
        for start, piece in pieces:
            if start < HEAD_BYTES_MAX:
                self._new_head[:0] = piece
            else:
                self._tail_changed = True

    def flush(self) -> tuple[list[tuple[int, bytes]], int | None]:
        """What is new since the last time: pieces with where each starts, and from where on they replace what was."""
        pieces: list[tuple[int, bytes]] = []
        instead_from = None
        if self._new_head:
            start = min(self._taken, HEAD_BYTES_MAX) - len(self._new_head)
            pieces.append((start, bytes(self._new_head)))
            self._new_head.clear()
        if self._tail_changed:
            pieces.append((self._taken - len(self._tail), bytes(self._tail)))
            instead_from = HEAD_BYTES_MAX
            self._tail_changed = False
        return pieces, instead_from

"""Files of text as streams of lines, whatever their encoding, line ends and compression."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from particleflow.errors import ParticleflowError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")
)  # fmt: skip
_BLOCK = 1 << 20
_CONTROLS = frozenset(range(32)) - {9, 10, 11, 12, 13, 26, 27}


@contextmanager
def opened(file: Path, error: type[ParticleflowError]) -> Iterator[tuple[TextIO, list[str]]]:
    """The text of a file, which may be compressed by gzip, and notes on how it is read.

    Raises
    ------
    error
        The file cannot be read or is no text.
    """
    try:
        with file.open("rb") as raw:
            is_compressed = raw.read(2) == b"\x1f\x8b"
        encoding = _encoding(file, is_compressed, error)
        notes = ["read as Latin-1, since it is not UTF-8"] if encoding == "latin-1" else []
        with _bytes(file, is_compressed) as stream, TextIOWrapper(stream, encoding) as text:
            yield text, notes
    except (UnicodeError, EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise error(f"{file}: expected a text file, found {problem}") from None
    except OSError as problem:
        raise error(f"{file}: {problem.strerror or problem}") from None


def _bytes(file: Path, is_compressed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file)) if is_compressed else file.open("rb")


def _encoding(file: Path, is_compressed: bool, error: type[ParticleflowError]) -> str:
    """The encoding of a file: that of its mark, else UTF-16 without a mark, UTF-8, or Latin-1."""
    with _bytes(file, is_compressed) as stream:
        begin = stream.read(_BLOCK)
        if begin.startswith(b"PK\x03\x04"):
            raise error(
                f"{file}: expected text, found a zip archive; a spreadsheet saves its table as CSV"
            )
        for mark, encoding in _MARKS:
            if begin.startswith(mark):
                return encoding
        half = len(begin) // 2
        if half and begin.count(0) > 0.9 * half:
            return "utf-16-le" if begin[1::2].count(0) > 0.9 * half else "utf-16-be"
        if _CONTROLS & set(begin):
            raise error(f"{file}: expected a text file, found bytes that no text has")
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while begin:
                decoder.decode(begin)
                begin = stream.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"

# SPDX-License-Identifier: Apache-2.0
"""Forms with a file (`multipart/form-data`, RFC 7578), read as they arrive.

S3 reads the fields up to `file`, which is the upload; what follows it is ignored. Names of fields
have no case. The fields may have 20 KB in all, as AWS says; the file is handed on in pieces.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from stockade.protocol.s3_errors import (
    BodyNotMultipart,
    IncorrectNumberOfFiles,
    MalformedPost,
    PreDataTooLong,
)

if TYPE_CHECKING:
    from stockade.protocol.http import Readable

FIELDS_LIMIT: Final = 20_480
PIECE: Final = 65_536
FILE: Final = "file"

_BOUNDARY: Final = re.compile(
    r"multipart/form-data\s*(?:;[^;]*)*?;\s*boundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r";\s*(\w+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]*))")


class Form(NamedTuple):
    """The fields before the file, and the file."""

    fields: dict[str, str]
    """By lower-case name, in order; several of one name are joined by commas."""
    filename: str | None
    file: File


def read_form(content_type: bytes | None, source: Readable) -> Form:
    """Return a form whose file is still to be read."""
    found = _BOUNDARY.match((content_type or b"").decode("latin-1"))
    if found is None:
        raise BodyNotMultipart(
            elements={"Condition": "Bucket POST must be of the enclosure-type multipart/form-data"}
        )
    boundary = (found[1] or found[2]).encode("latin-1")
    parts = _Parts(source, b"\r\n--" + boundary)
    fields: dict[str, str] = {}
    while (head := parts.next_head()) is not None:
        name, filename = _names(head)
        if name == FILE:
            fields = {key: _with_filename(value, filename) for key, value in fields.items()}
            return Form(fields, filename, File(parts))
        value = parts.value()
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    raise IncorrectNumberOfFiles


def _names(head: bytes) -> tuple[str, str | None]:
    """Return the name of a part in lower case and the file name that it gives."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        header, _, value = line.partition(":")
        if header.strip().lower() == "content-disposition":
            found = {key.lower(): quoted or plain for key, quoted, plain in _parameters(value)}
            if "name" in found:
                return found["name"].lower(), found.get("filename")
    raise MalformedPost


def _parameters(value: str) -> list[tuple[str, str, str]]:
    # Browsers escape nothing but quotes: a backslash may well be one of a path.
    found = _PARAMETER.findall(value)
    return [(name, quoted.replace('\\"', '"'), plain) for name, quoted, plain in found]


def _with_filename(value: str, filename: str | None) -> str:
    """Return a field with `${filename}` replaced, where the client named its file."""
    if filename is None:
        return value
    return value.replace("${filename}", re.split(r"[/\\]", filename)[-1])


class File:
    """The upload: a source of its bytes, and how many there were."""

    def __init__(self, parts: _Parts) -> None:
        self.size = 0
        self._parts = parts

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        piece = self._parts.piece(size)
        self.size += len(piece)
        return piece


class _Parts:
    """The parts of a form, one after the other."""

    def __init__(self, source: Readable, delimiter: bytes) -> None:
        self._source = source
        self._delimiter = delimiter
        self._unread = b"\r\n"  # so that the first delimiter is like the others
        self._arrived = 0

    def next_head(self) -> bytes | None:
        """Return the header lines of the next part, or None after the last."""
        self._until(self._delimiter)
        while len(self._unread) < 2:
            self._more()
        if self._unread[:2] == b"--":
            return None
        self._until(b"\r\n")  # what may stand behind a delimiter is blank
        if self._peek(2) == b"\r\n":
            self._unread = self._unread[2:]
            raise MalformedPost
        return self._until(b"\r\n\r\n")

    def value(self) -> str:
        """Return the content of a field."""
        value = self._until(self._delimiter)
        self._unread = self._delimiter + self._unread
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise MalformedPost from None

    def piece(self, size: int) -> bytes:
        """Return bytes of the current part; none where it ends."""
        if size <= 0:
            return b""
        # A delimiter may begin in what is there and end in what is not.
        held = len(self._delimiter) - 1
        while self._delimiter not in self._unread and len(self._unread) <= held:
            self._read()
        end = self._unread.find(self._delimiter)
        ready = end if end >= 0 else len(self._unread) - held
        piece, self._unread = self._unread[: min(ready, size)], self._unread[min(ready, size) :]
        return piece

    def _peek(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._more()
        return self._unread[:size]

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._more()
        before, _, self._unread = self._unread.partition(mark)
        if self._arrived - len(self._unread) > FIELDS_LIMIT:
            raise PreDataTooLong
        return before

    def _more(self) -> None:
        """Read more of what stands before the file."""
        if self._arrived > FIELDS_LIMIT:
            raise PreDataTooLong
        self._read()

    def _read(self) -> None:
        part = self._source.read(PIECE)
        if not part:
            raise MalformedPost
        self._arrived += len(part)
        self._unread += part

# SPDX-License-Identifier: Apache-2.0
"""The CiphertextBlob of a key in an external key store: encrypted twice.

First KMS encrypts under its own material of the key: an ordinary blob (envelope.py). The proxy
encrypts that blob under the external key. Neither side can open it alone.

    version     3   02 02 00
    account     5   the key's account as a number
    key id     36   as text
    material   32   KeyMaterialId of KMS's own material, which opens the inner blob
    metadata    1 + 0..20   ciphertextMetadata of the proxy, its length in front
    iv          1 + 12 or 16
    tag        16
    ciphertext  n   of the inner blob: 152 bytes more than the plaintext

The proxy authenticates the first 76 bytes and the SHA-256 of the encryption context, canonical as
in envelope.py: a digest, because a context of 8 KB would leave no room for anything else in what a
proxy has to take. So it learns neither the plaintext nor the context. 4,096 bytes of plaintext make
4,248 for the proxy, which has to take 4,300.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256

from stockade.protocol.xks import IV_SIZES, LONGEST_METADATA, TAG_SIZE, Encrypted
from stockade.services.kms import envelope
from stockade.services.kms.envelope import Header, NotABlob
from stockade.services.kms.xks_errors import BAD_CIPHERTEXT, XksFailure

VERSION = b"\x02\x02\x00"

_HEADER = 3 + 5 + 36 + 32

Encrypt = Callable[[bytes, bytes], Encrypted]
"""(inner blob, AAD) -> the proxy's answer: `XksProxy.encrypt` of one external key."""
Decrypt = Callable[[Encrypted, bytes], bytes]
"""(what the proxy encrypted, AAD) -> the inner blob: `XksProxy.decrypt` of one external key."""


def is_external(blob: bytes) -> bool:
    """Tell whether a blob was made by a key in an external key store."""
    return blob[:3] == VERSION


def read_header(blob: bytes) -> Header:
    """Return which key a blob asks for; nothing of it is authenticated yet."""
    if not is_external(blob) or len(blob) < _HEADER:
        raise NotABlob
    account = int.from_bytes(blob[3:8], "big")
    try:
        return Header(f"{account:012d}", blob[8:44].decode("ascii"), blob[44:76].hex())
    except UnicodeDecodeError:
        raise NotABlob from None


def seal(
    material: bytes,
    header: Header,
    plaintext: bytes,
    context: Mapping[str, str],
    *,
    nonce: bytes,
    encrypt: Encrypt,
) -> bytes:
    """Return the blob of a plaintext; `nonce` is 28 fresh random bytes."""
    inner = envelope.seal(material, header, plaintext, context, nonce=nonce)
    head = VERSION + inner[3:_HEADER]
    outer = encrypt(inner, head + _digest(context))
    return b"".join(
        (
            head,
            len(outer.ciphertext_metadata).to_bytes(1, "big"),
            outer.ciphertext_metadata,
            len(outer.initialization_vector).to_bytes(1, "big"),
            outer.initialization_vector,
            outer.authentication_tag,
            outer.ciphertext,
        )
    )


def open_blob(material: bytes, blob: bytes, context: Mapping[str, str], decrypt: Decrypt) -> bytes:
    """Return the plaintext of a blob.

    `NotABlob` says that it is none; an XksFailure that the proxy did not open it, or that what the
    proxy opened is not what KMS had given it.
    """
    outer = _parse(blob)
    inner = decrypt(outer, blob[:_HEADER] + _digest(context))
    if inner[3:_HEADER] != blob[3:_HEADER] or inner[:3] != envelope.VERSION:
        raise XksFailure(BAD_CIPHERTEXT)
    try:
        return envelope.open_blob(material, inner, context)
    except NotABlob:
        raise XksFailure(BAD_CIPHERTEXT) from None


def _parse(blob: bytes) -> Encrypted:
    """Return the proxy's part of a blob."""
    read_header(blob)
    metadata, rest = _with_length(blob[_HEADER:])
    iv, rest = _with_length(rest)
    if len(metadata) > LONGEST_METADATA or len(iv) not in IV_SIZES:
        raise NotABlob
    tag, ciphertext = rest[:TAG_SIZE], rest[TAG_SIZE:]
    if len(tag) < TAG_SIZE or len(ciphertext) < envelope.OVERHEAD:
        raise NotABlob
    return Encrypted(
        ciphertext=ciphertext,
        initialization_vector=iv,
        authentication_tag=tag,
        ciphertext_metadata=metadata,
    )


def _with_length(data: bytes) -> tuple[bytes, bytes]:
    """Return a part with its length in front, and what follows it."""
    if not data or len(data) < 1 + data[0]:
        raise NotABlob
    return data[1 : 1 + data[0]], data[1 + data[0] :]


def _digest(context: Mapping[str, str]) -> bytes:
    return sha256(envelope.canonical(context)).digest()

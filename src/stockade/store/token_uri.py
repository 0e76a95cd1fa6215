# SPDX-License-Identifier: Apache-2.0
"""PKCS#11 URIs (RFC 7512): which module, which token, which key, and where its PIN is.

    pkcs11:token=Seals;object=stockade?module-path=/usr/lib/softhsm/libsofthsm2.so
        &pin-source=file:/etc/stockade/pin

What is not understood is refused, as RFC 7512 (2.3) asks. A PIN in the URI itself (`pin-value`) is
refused too: settings are seen by others; so are commands that would give one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

import msgspec

_PATH = frozenset({"token", "serial", "object", "id", "type"})
_QUERY = frozenset({"module-path", "pin-source"})


class BadUri(ValueError):
    """A URI that names no token, or that asks for what is not understood."""


class TokenUri(msgspec.Struct, frozen=True, kw_only=True):
    """A PKCS#11 URI, read."""

    module: str
    """The path of the PKCS#11 library."""
    token: str = ""
    """The label of the token."""
    serial: str = ""
    """Its serial number; either of the two tells tokens apart."""
    object: str = ""
    """The label of the key."""
    id: bytes = b""
    """Its CKA_ID."""
    pin_file: Path | None = None


def parse_uri(text: str) -> TokenUri:
    """Return what a PKCS#11 URI says, or raise BadUri."""
    scheme, _, rest = text.partition(":")
    if scheme != "pkcs11":
        raise BadUri("it does not begin with pkcs11:")
    path, _, query = rest.partition("?")
    attributes = _attributes(path, ";", _PATH)
    settings = _attributes(query, "&", _QUERY)
    module = unquote(settings.get("module-path", ""))
    if not module.startswith("/"):
        raise BadUri("it needs module-path=/..., the library of the token's maker")
    uri = TokenUri(
        module=module,
        token=unquote(attributes.get("token", "")),
        serial=unquote(attributes.get("serial", "")),
        object=unquote(attributes.get("object", "")),
        id=unquote_to_bytes(attributes.get("id", "")),
        pin_file=_pin_file(settings.get("pin-source")),
    )
    if not (uri.token or uri.serial):
        raise BadUri("it needs token=LABEL or serial=NUMBER")
    if attributes.get("type", "secret-key") != "secret-key":
        raise BadUri("a key of type secret-key is needed")
    return uri


def _attributes(text: str, separator: str, known: frozenset[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise BadUri("a PIN does not belong into it: name a file with pin-source=file:/...")
        if name not in known or not equals:
            raise BadUri(f"{name} is not understood")
        if name in found:
            raise BadUri(f"{name} is there twice")
        found[name] = value
    return found


def _pin_file(source: str | None) -> Path | None:
    if source is None:
        return None
    text = unquote(source)
    kind, colon, path = text.partition(":")
    if colon and kind != "file":
        raise BadUri("pin-source names a file: file:/...")
    if not colon:
        path = text
    if not path.startswith("/"):
        raise BadUri("pin-source names a file: file:/...")
    return Path(path)

# SPDX-License-Identifier: Apache-2.0
"""A seal that is a key in a PKCS#11 token: `pkcs11:token=...;object=...?module-path=...`.

The token wraps and unwraps the domain keys with AES-256-GCM; the key never leaves it. What tells
such seals apart is the key's CKA_ID, 16 random bytes where Stockade makes the key. A key that is
in the token already, made in a ceremony say, is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

import msgspec

from stockade.crypto import aead
from stockade.store.errors import StoreUnavailable
from stockade.store.seal import Description, Random, Seal, SealError, SealMissing, read_private
from stockade.store.token_uri import BadUri, TokenUri, parse_uri
from stockade.store.tokens import KeyMissing, Token, TokenError, TokenKey, name_of

_VERSION = b"\x02"
_ID_SIZE = 16
_LEAST_ID = 8
_PROBE = b"stockade seal probe"


class TokenSeal:
    """A seal whose key is in a token."""

    def __init__(self, key: TokenKey, key_id: bytes) -> None:
        self._key = key
        check = sha256(b"stockade seal pkcs11" + key_id).hexdigest()[:32]
        self._description = Description(kind="pkcs11", fingerprint=check)

    def __repr__(self) -> str:
        return f"TokenSeal({self._description.fingerprint})"

    def wrap(self, key: bytes, aad: bytes, nonce: bytes) -> bytes:
        """Return version || nonce || ciphertext and tag, bound to `aad`."""
        with _unavailable():
            return _VERSION + nonce + self._key.encrypt(nonce, key, _VERSION + aad)

    def unwrap(self, blob: bytes, aad: bytes) -> bytes:
        """Return the key that `wrap` wrapped with the same `aad`, or raise Tampered."""
        if blob[:1] != _VERSION:
            raise aead.Tampered("the wrapped key has an unknown format")
        nonce, box = blob[1 : 1 + aead.NONCE_SIZE], blob[1 + aead.NONCE_SIZE :]
        with _unavailable():
            return self._key.decrypt(nonce, box, _VERSION + aad)

    def describe(self) -> Description:
        return self._description


class TokenChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A key in a token, as configured."""

    uri: TokenUri

    @property
    def kind(self) -> str:
        return "pkcs11"

    def exists(self, secret: Callable[[], str]) -> bool:
        """Say whether the token has the key."""
        with _sealing():
            return self._key(secret).exists()

    def create(self, random: Random, secret: Callable[[], str]) -> Seal:
        """Make the key in the token, if it is not there."""
        with _sealing():
            token = Token(self.uri, self._pin(secret))
            if not self._key(secret).exists():
                token.key(self.uri.object, self.uri.id or random(_ID_SIZE)).generate()
        return self.open(secret)

    def open(self, secret: Callable[[], str]) -> Seal:
        """Log in, and see that the key does what it should."""
        with _sealing():
            token = Token(self.uri, self._pin(secret))
            key = token.key(self.uri.object, self.uri.id)
            try:
                key_id = key.read_id()
            except KeyMissing as missing:
                raise SealMissing(
                    f"the token {name_of(self.uri)} has not the seal: {missing.sentence}",
                    "restore the token's backup: without it, what the store has sealed is lost",
                ) from None
            if len(key_id) < _LEAST_ID:
                raise SealError(
                    f"the key {self.uri.object!r} has no CKA_ID that tells it from others",
                    f"give it one of {_LEAST_ID} random bytes or more",
                )
            nonce = token.random(aead.NONCE_SIZE)
            key.decrypt(nonce, key.encrypt(nonce, b"", _PROBE), _PROBE)
            return TokenSeal(key, key_id)

    def _key(self, secret: Callable[[], str]) -> TokenKey:
        return Token(self.uri, self._pin(secret)).key(self.uri.object, self.uri.id)

    def _pin(self, secret: Callable[[], str]) -> str:
        if self.uri.pin_file is None:
            return secret()
        return read_private(self.uri.pin_file, "PIN file").decode().rstrip("\r\n")


def token_choice(text: str) -> TokenChoice | None:
    """Read the setting of a seal in a token; None for other kinds."""
    if not text.startswith("pkcs11:"):
        return None
    try:
        uri = parse_uri(text)
    except BadUri as bad:
        raise SealError(f"the seal {text!r} names no token: {bad}", "see RFC 7512") from None
    if not uri.object:
        raise SealError(f"the seal {text!r} names no key", "add object=LABEL")
    return TokenChoice(uri=uri)


@contextmanager
def _sealing() -> Iterator[None]:
    """Say of a token's faults what is said of a seal's."""
    try:
        yield
    except TokenError as fault:
        raise SealError(fault.sentence, fault.hint) from None


@contextmanager
def _unavailable() -> Iterator[None]:
    """Refuse what needs the seal for as long as the token fails."""
    try:
        yield
    except TokenError as fault:
        raise StoreUnavailable(f"the seal cannot be used: {fault.sentence}") from None

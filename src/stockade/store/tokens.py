# SPDX-License-Identifier: Apache-2.0
"""A key in a PKCS#11 token: a hardware security module, a smart card, SoftHSM.

The key is made in the token and never leaves it (sensitive, not extractable); what it does is
AES-256-GCM. A PKCS#11 library is one thing for a whole process, and python-pkcs11 initializes it
without locks of its own, so `Library` lets one thread in at a time. A child of a process that used
it initializes it anew, as PKCS#11 2.40 (6.6) asks. A session that was lost, because a token was
restarted, is opened again once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeVar

import msgspec

from stockade.crypto import aead
from stockade.store.token_uri import TokenUri

R = TypeVar("R")

KEY_BITS = 256
EXTRA = "pip install 'stockade[pkcs11]'"


class TokenError(Exception):
    """A token does not do what is asked of it: a sentence, and what to do about it."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = sentence
        self.hint = hint
        super().__init__(sentence)


class TokenMissing(TokenError):
    """There is no such library, or no such token."""


class PinRefused(TokenError):
    """The PIN is wrong."""


class PinLocked(TokenError):
    """The token takes no PIN any more: too many were wrong."""


class UserMissing(TokenError):
    """The token has no user yet: no PIN was ever set."""


class KeyMissing(TokenError):
    """The token has no such key."""


class Token:
    """A token, logged in to when it is first used."""

    def __init__(self, uri: TokenUri, pin: str) -> None:
        self._uri = uri
        self._pin = pin
        self._library = library(uri.module)

    def __repr__(self) -> str:
        return f"Token({name_of(self._uri)})"

    def check(self) -> None:
        """Log in anew, so that token and PIN are known to be right at this moment."""
        self.close()
        self.run(lambda _session: None)

    def close(self) -> None:
        """Log out."""
        self._library.logout(self._uri)

    def key(self, label: str, key_id: bytes = b"") -> TokenKey:
        """Return the key of this label and CKA_ID, be it there or not."""
        return TokenKey(self, label, key_id)

    def random(self, size: int) -> bytes:
        """Return random bytes of the token's own generator."""
        return self.run(lambda session: bytes(session.p11.generate_random(size * 8)))

    def run(self, action: Callable[[_Session], R]) -> R:
        """Do something in the session with the token; TokenError says what is in the way."""
        return self._library.run(self._uri, self._pin, action)


class TokenKey:
    """An AES-256 key in a token."""

    def __init__(self, token: Token, label: str, key_id: bytes) -> None:
        self._token = token
        self._label = label
        self._id = key_id

    def __repr__(self) -> str:
        return f"TokenKey({self._label})"

    def exists(self) -> bool:
        """Say whether the token has the key."""
        return bool(self._token.run(lambda session: session.find(self._label, self._id)))

    def generate(self) -> None:
        """Make the key in the token, so that it never leaves it."""
        self._token.run(lambda session: session.generate(self._label, self._id))

    def read_id(self) -> bytes:
        """Return the CKA_ID that the key has in the token."""
        return self._token.run(lambda session: session.id_of(self._label, self._id))

    def destroy(self) -> None:
        """Delete the key, if it is there."""

        def destroy(session: _Session) -> None:
            for key in session.find(self._label, self._id):
                key.destroy()

        self._token.run(destroy)

    def encrypt(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Return the AES-256-GCM ciphertext with its tag behind it."""
        if len(nonce) != aead.NONCE_SIZE:
            raise ValueError("a GCM nonce is 12 bytes long")
        return self._token.run(
            lambda session: session.encrypt(self._label, self._id, nonce, plaintext, aad)
        )

    def decrypt(self, nonce: bytes, box: bytes, aad: bytes) -> bytes:
        """Return the plaintext of what `encrypt` made, or raise Tampered."""
        if len(nonce) != aead.NONCE_SIZE or len(box) < aead.TAG_SIZE:
            raise aead.Tampered("the box is too short")
        return self._token.run(
            lambda session: session.decrypt(self._label, self._id, nonce, box, aad)
        )


class _Session(msgspec.Struct, frozen=True):
    """An open session, and the keys that were looked for in it."""

    p11: Any
    pin: str
    keys: dict[tuple[str, bytes], Any]

    def __repr__(self) -> str:
        return "_Session()"

    def find(self, label: str, key_id: bytes) -> list[Any]:
        from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415  an extra of the package

        wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.SECRET_KEY}
        if label:
            wanted[Attribute.LABEL] = label
        if key_id:
            wanted[Attribute.ID] = key_id
        return list(self.p11.get_objects(wanted))

    def one(self, label: str, key_id: bytes) -> Any:
        key = self.keys.get((label, key_id))
        if key is None:
            found = self.find(label, key_id)
            if len(found) != 1:
                raise KeyMissing(
                    f"the token has {len(found) or 'no'} keys {label or key_id.hex()!r}"
                )
            key = self.keys[label, key_id] = found[0]
        return key

    def id_of(self, label: str, key_id: bytes) -> bytes:
        from pkcs11 import Attribute  # noqa: PLC0415  an extra of the package

        return bytes(self.one(label, key_id)[Attribute.ID])

    def generate(self, label: str, key_id: bytes) -> None:
        from pkcs11 import Attribute, KeyType, MechanismFlag  # noqa: PLC0415  an extra

        self.p11.generate_key(
            KeyType.AES,
            KEY_BITS,
            id=key_id,
            label=label,
            store=True,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )

    def encrypt(
        self, label: str, key_id: bytes, nonce: bytes, plaintext: bytes, aad: bytes
    ) -> bytes:
        return bytes(self.one(label, key_id).encrypt(plaintext, **_gcm(nonce, aad)))

    def decrypt(self, label: str, key_id: bytes, nonce: bytes, box: bytes, aad: bytes) -> bytes:
        import pkcs11  # noqa: PLC0415  an extra of the package

        key = self.one(label, key_id)
        try:
            return bytes(key.decrypt(box, **_gcm(nonce, aad)))
        except (pkcs11.EncryptedDataInvalid, pkcs11.EncryptedDataLenRange):
            raise aead.Tampered("the box does not open") from None
        except (pkcs11.GeneralError, pkcs11.FunctionFailed):
            # Some tokens say no more of a wrong tag than this; a token that is ill cannot encrypt.
            key.encrypt(b"", **_gcm(self.p11.generate_random(aead.NONCE_SIZE * 8), b""))
            raise aead.Tampered("the box does not open") from None


class Library:
    """A PKCS#11 library in this process, with the sessions that are open."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._sessions: dict[tuple[str, str], _Session] = {}

    def run(self, uri: TokenUri, pin: str, action: Callable[[_Session], R]) -> R:
        """Do something in a session, and once more where the session had been lost."""
        with self._entered() as module, _told(uri):
            return self._attempt(module, uri, pin, action)

    @contextmanager
    def _entered(self) -> Iterator[Any]:
        """Yield the library to one thread at a time."""
        forked = self._pid != os.getpid()
        if forked:
            self._begin()
        with self._lock:
            module = self._module()
            if forked:
                _initialize_anew(module)
            yield module

    def look(self, uri: TokenUri) -> None:
        """Raise TokenMissing where the token is not there; nobody logs in."""
        with self._entered() as module, _told(uri):
            _token(module, uri)

    def logout(self, uri: TokenUri) -> None:
        """Close the session with a token, if there is one."""
        if self._pid != os.getpid():
            return
        with self._lock:
            session = self._sessions.pop((uri.token, uri.serial), None)
            if session is not None:
                _close(session)

    def end(self) -> None:
        """Close every session and let go of the library, before a fork or at the end."""
        if self._pid != os.getpid():
            return
        import pkcs11  # noqa: PLC0415  an extra of the package

        with self._lock, suppress(pkcs11.PKCS11Error):
            self._sessions.clear()
            pkcs11.lib(self._path).finalize()

    def _attempt(self, module: Any, uri: TokenUri, pin: str, action: Callable[[_Session], R]) -> R:
        import pkcs11  # noqa: PLC0415  an extra of the package

        kept = self._sessions.get((uri.token, uri.serial))
        if kept is not None and kept.pin == pin:
            with suppress(
                pkcs11.SessionHandleInvalid,
                pkcs11.SessionClosed,
                pkcs11.ObjectHandleInvalid,
                pkcs11.KeyHandleInvalid,
                pkcs11.UserNotLoggedIn,
                pkcs11.DeviceError,
                pkcs11.DeviceRemoved,
                pkcs11.TokenNotPresent,
            ):
                return action(kept)
        self.logout(uri)
        session = _Session(_token(module, uri).open(rw=True, user_pin=pin), pin, {})
        self._sessions[uri.token, uri.serial] = session
        return action(session)

    def _module(self) -> Any:
        try:
            import pkcs11  # noqa: PLC0415  an extra of the package
        except ImportError:
            raise TokenMissing("PKCS#11 needs the package python-pkcs11", EXTRA) from None
        try:
            return pkcs11.lib(self._path)
        except pkcs11.PKCS11Error as fault:
            raise TokenMissing(
                f"the PKCS#11 library {self._path} cannot be used ({_reason(fault)})",
                "look at module-path, and at the settings of the library itself",
            ) from None


@cache
def library(path: str) -> Library:
    """Return the one object of this process for a PKCS#11 library."""
    return Library(path)


def must_be_there(uri: TokenUri) -> None:
    """Raise TokenMissing where there is no such token."""
    library(uri.module).look(uri)


def name_of(uri: TokenUri) -> str:
    """Return what a token is called in a sentence."""
    return uri.token or f"with serial number {uri.serial}"


def _initialize_anew(module: Any) -> None:
    """Begin with a library that this process has from its parent."""
    import pkcs11  # noqa: PLC0415  an extra of the package

    with suppress(pkcs11.PKCS11Error):  # most libraries notice the fork themselves
        module.finalize()
    module.initialize()


def _token(module: Any, uri: TokenUri) -> Any:
    wanted: dict[str, Any] = {}
    if uri.token:
        wanted["token_label"] = uri.token
    if uri.serial:
        wanted["token_serial"] = uri.serial.encode()
    return module.get_token(**wanted)


def _gcm(nonce: bytes, aad: bytes) -> dict[str, Any]:
    from pkcs11 import GCMParams, Mechanism  # noqa: PLC0415  an extra of the package

    parameters = GCMParams(nonce=nonce, aad=aad, tag_bits=aead.TAG_SIZE * 8)
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": parameters}


def _close(session: _Session) -> None:
    import pkcs11  # noqa: PLC0415  an extra of the package

    with suppress(pkcs11.PKCS11Error):  # it may be gone already
        session.p11.close()


@contextmanager
def _told(uri: TokenUri) -> Iterator[None]:
    """Say in our words what PKCS#11 complains of."""
    import pkcs11  # noqa: PLC0415  an extra of the package

    token = f"the token {name_of(uri)}"
    try:
        yield
    except (pkcs11.NoSuchToken, pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised):
        raise TokenMissing(
            f"{token} is not there", "see that it is plugged in and running"
        ) from None
    except pkcs11.MultipleTokensReturned:
        raise TokenMissing(f"{token} is there more than once", "add serial=NUMBER") from None
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange, pkcs11.PinExpired):
        hint = "give the right PIN: after some wrong ones a token locks itself"
        raise PinRefused(f"{token} refuses the PIN", hint) from None
    except pkcs11.PinLocked:
        raise PinLocked(
            f"{token} is locked", "have its PIN set anew by its security officer"
        ) from None
    except pkcs11.UserPinNotInitialized:
        raise UserMissing(f"{token} has no PIN yet", "set one with the tool of its maker") from None
    except pkcs11.PKCS11Error as fault:
        raise TokenError(f"{token} fails ({_reason(fault)})") from None


def _reason(fault: Exception) -> str:
    """Return what is known of a fault; the names are those of PKCS#11's return values."""
    return str(fault) or type(fault).__name__

# SPDX-License-Identifier: Apache-2.0
"""The vault: what is secret in a resource is stored as a box that opens in its own place only.

    seal -> domain key, one per account and Region, kept as a wrapped resource -> sealed fields

A box is `01 || domain key id (16) || nonce (12) || AES-256-GCM ciphertext and tag`. Its associated
data are account, Region and place (the row's service, kind, id and field), so that a box that was
moved to another row, account or Region does not open. Nonces are random: a domain key is good for
2**32 boxes (NIST SP 800-38D, 8.3).

The domain keys of a scope are remembered as a value derived from their resources: a change of
those, by whichever process, makes it be forgotten. What a wrapped key unwraps to does not change,
so a seal is asked once in a process for each, however far away it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select, update

from stockade.crypto import aead
from stockade.store.resources import Collection, Scope
from stockade.store.seal import Description, SealError, WrongSeal, same_seal
from stockade.store.tables import meta

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from stockade.store.seal import Seal
    from stockade.store.unit import Unit

ID_SIZE = 16
_VERSION = b"\x01"
_NONCE_AT = 1 + ID_SIZE
_BOX_AT = _NONCE_AT + aead.NONCE_SIZE
_META_NAME = "seal"
MOST_OPENED = 10_000
"""How many unwrapped domain keys a process remembers."""


def _no_successor(_seal: Seal, _fingerprint: str) -> None:
    """Know of no other seal."""


class Sealed(msgspec.Struct, frozen=True):
    """A secret as it is stored: ciphertext, which the vault alone makes and opens."""

    box: bytes

    def __repr__(self) -> str:
        return f"Sealed({len(self.box)} bytes)"

    __str__ = __repr__


class DomainKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key of an account and Region, wrapped by the seal."""

    id: str
    """32 hexadecimal digits, which every box of the key begins with."""
    seal: str
    """The fingerprint of the seal that wraps it."""
    wrapped: bytes

    def __repr__(self) -> str:
        return f"DomainKey({self.id})"


DOMAIN_KEYS = Collection(DomainKey, service="stockade", kind="domain-key", id=lambda key: key.id)


class _Domain(msgspec.Struct, frozen=True):
    """The unwrapped domain keys of a scope; the last one seals."""

    current: bytes
    ciphers: dict[bytes, AESGCM]


Successor = Callable[["Seal", str], "Seal | None"]
"""(a seal, the fingerprint of another) -> that other one, where this process may come to it."""


class Vault:
    """Seals and opens secrets under one seal, and under those that take its place."""

    def __init__(
        self, seal: Seal, random: Callable[[int], bytes], successor: Successor = _no_successor
    ) -> None:
        self._random = random
        self._successor = successor
        self._following = threading.Lock()
        self._seals: dict[str, Seal] = {}
        self._use(seal)

    def seal(self, unit: Unit, scope: Scope, place: str, plaintext: bytes) -> Sealed:
        """Encrypt a secret for one place: `service/kind/id/field`.

        The first secret of a scope makes its domain key, which wants a unit that writes.
        """
        domain = self._domain(unit, scope) or self._create(unit, scope)
        nonce = self._random(aead.NONCE_SIZE)
        cipher = domain.ciphers[domain.current]
        box = aead.seal_with(cipher, nonce, plaintext, _aad(scope, place))
        return Sealed(_VERSION + domain.current + nonce + box)

    def is_ready(self, unit: Unit, scope: Scope) -> bool:
        """Tell whether a scope has its domain key, so that units that read can seal, too."""
        return self._domain(unit, scope) is not None

    def prepare(self, unit: Unit, scope: Scope) -> None:
        """Make a scope's domain key where it has none."""
        if not self.is_ready(unit, scope):
            self._create(unit, scope)

    def open(self, unit: Unit, scope: Scope, place: str, sealed: Sealed) -> bytes:
        """Decrypt what `seal` made for the same scope and place, or raise Tampered."""
        box = sealed.box
        cipher = self._cipher(unit, scope, box[:_NONCE_AT])
        if cipher is None:
            raise aead.Tampered(f"there is no key for the sealed {place}")
        try:
            return aead.open_with(cipher, box[_NONCE_AT:_BOX_AT], box[_BOX_AT:], _aad(scope, place))
        except aead.Tampered:
            raise aead.Tampered(f"the sealed {place} does not open: the data is damaged") from None

    def adopt(self, unit: Unit) -> None:
        """Bind a new store to this seal; a store that is bound already must be bound to it."""
        if describe(unit) is None:
            _write_description(unit, self._seal.describe())
        self.check(unit)

    def check(self, unit: Unit) -> None:
        """Raise WrongSeal when the store was sealed with a seal that this process cannot open."""
        found = describe(unit)
        if found is None:
            raise SealError(
                "the store does not say which seal it was sealed with",
                "it was never finished: make it anew, or restore a backup into an empty store",
            )
        self._follow(found.fingerprint)

    def rotate(self, unit: Unit, seal: Seal) -> int:
        """Wrap every domain key with another seal, all or none, and return how many there are.

        Other processes that have the store open have to find it (`successor`), or be restarted.
        """
        self.check(unit)
        count = 0
        for scope in unit.scopes(DOMAIN_KEYS):
            for key in unit.list(DOMAIN_KEYS, scope):
                unit.put(
                    DOMAIN_KEYS, scope, self._wrap(seal, scope, key.id, self._unwrap(scope, key))
                )
                count += 1
        _write_description(unit, seal.describe())
        unit.on_commit(lambda: self._use(seal))
        return count

    def _follow(self, fingerprint: str) -> None:
        """Go over to the seal of this fingerprint, if it is another than the present one."""
        if same_seal(self._seal.describe().fingerprint, fingerprint):
            return
        with self._following:
            known = self._seals.get(fingerprint) or self._successor(self._seal, fingerprint)
            if known is None:
                _must_be_same(self._seal.describe(), fingerprint)
            else:
                self._use(known)

    def _use(self, seal: Seal) -> None:
        self._seal = seal
        self._seals[seal.describe().fingerprint] = seal
        self._opened: dict[tuple[Scope, DomainKey], bytes] = {}
        self._name = ("domain-keys", seal.describe().fingerprint)

    def _cipher(self, unit: Unit, scope: Scope, head: bytes) -> AESGCM | None:
        """Return the cipher of the domain key that a box names."""
        domain = self._domain(unit, scope)
        if domain is None or head[:1] != _VERSION:
            return None
        return domain.ciphers.get(head[1:])

    def _domain(self, unit: Unit, scope: Scope) -> _Domain | None:
        return unit.derive((self._name, scope), lambda: self._load(unit, scope))

    def _load(self, unit: Unit, scope: Scope) -> _Domain | None:
        keys = unit.list(DOMAIN_KEYS, scope)
        if not keys:
            return None
        ciphers = {bytes.fromhex(key.id): aead.cipher(self._unwrap(scope, key)) for key in keys}
        return _Domain(bytes.fromhex(keys[-1].id), ciphers)

    def _create(self, unit: Unit, scope: Scope) -> _Domain:
        """Make the domain key of a scope; one unit writes at a time, so there is only one."""
        found = describe(unit)
        if found is not None:
            self._follow(found.fingerprint)
        key_id, secret = self._random(ID_SIZE), self._random(aead.KEY_SIZE)
        unit.put(DOMAIN_KEYS, scope, self._wrap(self._seal, scope, key_id.hex(), secret))
        self.adopt(unit)
        return _Domain(key_id, {key_id: aead.cipher(secret)})

    def _wrap(self, seal: Seal, scope: Scope, key_id: str, secret: bytes) -> DomainKey:
        wrapped = seal.wrap(secret, _aad(scope, key_id), self._random(aead.NONCE_SIZE))
        return DomainKey(id=key_id, seal=seal.describe().fingerprint, wrapped=wrapped)

    def _unwrap(self, scope: Scope, key: DomainKey) -> bytes:
        secret = self._opened.get((scope, key))
        if secret is None:
            if len(self._opened) >= MOST_OPENED:
                self._opened.clear()
            secret = self._opened[scope, key] = self._ask_seal(scope, key)
        return secret

    def _ask_seal(self, scope: Scope, key: DomainKey) -> bytes:
        seal = self._seals.get(key.seal)  # an old one, where the unit began before a rotation
        if seal is None:
            self._follow(key.seal)
            seal = self._seal
        try:
            return seal.unwrap(key.wrapped, _aad(scope, key.id))
        except aead.Tampered:
            raise aead.Tampered(
                f"the domain key of account {scope.account} in {scope.region or 'all Regions'} "
                "does not open: the data is damaged, restore a backup"
            ) from None


def describe(unit: Unit) -> Description | None:
    """Return what the store says of its seal; None when it is bound to none yet."""
    value = unit.connection.execute(select(meta.c.value).where(meta.c.name == _META_NAME)).scalar()
    return None if value is None else msgspec.json.decode(value, type=Description)


def _write_description(unit: Unit, description: Description) -> None:
    value = msgspec.json.encode(description).decode()
    changed = unit.connection.execute(
        update(meta).where(meta.c.name == _META_NAME).values(value=value)
    )
    if changed.rowcount == 0:
        unit.connection.execute(insert(meta), {"name": _META_NAME, "value": value})


def _must_be_same(mine: Description, found: str) -> None:
    if not same_seal(mine.fingerprint, found):
        raise WrongSeal(
            f"the store's seal is {found[:8]}, and this is the seal {mine.fingerprint[:8]}",
            "give the right seal file or passphrase; after a rotation, restart with the new seal",
        )


def _aad(scope: Scope, place: str) -> bytes:
    """Return scope and place so that no two of them read the same."""
    account, region = scope
    return f"{len(account)}:{account}{len(region)}:{region}{place}".encode()

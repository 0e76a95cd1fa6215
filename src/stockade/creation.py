# SPDX-License-Identifier: Apache-2.0
"""Making a deployment in an empty data directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from stockade.app import Stockade
from stockade.config import (
    Deployment,
    Settings,
    SettingsError,
    read_deployment,
    write_deployment,
)
from stockade.core.ids import system_random
from stockade.seals import parse_seal
from stockade.services.iam import accounts
from stockade.store.store import Store


class RootCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials of an account's root, handed out once."""

    account: str
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"RootCredentials({self.account}, {self.access_key_id})"


def create(settings: Settings, passphrase: Callable[[], str]) -> RootCredentials:
    """Make a deployment in an empty data directory: seal, store, account, root credentials.

    Only what is not there yet is made, except that a directory with a `stockade.json` is refused.
    """
    data = settings.data
    if data is None:
        raise SettingsError("there is no data directory to make", "give one with --data DIR")
    if read_deployment(data) is not None:
        raise SettingsError(
            f"{data} holds a Stockade already", f"start it: stockade serve --data {data}"
        )
    _make_directory(data)
    choice = parse_seal(settings.seal_choice, data)
    # A seal that is there already is from an `init` that did not come to its end.
    made = choice.exists(passphrase)
    seal = choice.open(passphrase) if made else choice.create(system_random, passphrase)
    store = Store.open(settings.store_url, directory=data)
    try:
        app = Stockade(settings, store, seal)
        with store.write() as unit:
            app.vault.adopt(unit)
            key_id, secret = accounts.create_root(
                unit, app.vault, settings.account, app.clock.now(), system_random
            )
    finally:
        store.close()
    write_deployment(
        data,
        Deployment(
            store=settings.store,
            seal=settings.seal,
            account=settings.account,
            region=settings.region,
        ),
    )
    return RootCredentials(account=settings.account, access_key_id=key_id, secret_access_key=secret)


def _make_directory(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"the data directory {data} cannot be made: {error.strerror}",
            "choose another with --data DIR, or give its owner the right to write",
        ) from error

# SPDX-License-Identifier: Apache-2.0
"""What a data directory was made with, and what the command line says beside it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from stockade import config
from stockade.cli.problems import Problem
from stockade.config import Deployment, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stockade.store.store import Store

Mode = Literal["dev", "serve"]


def existing(data: Path) -> Deployment:
    """Return what a data directory was made with."""
    deployment = config.read_deployment(data)
    if deployment is None:
        hint = f"make one: stockade init --data {data}"
        raise Problem(f"{data} holds no Stockade", hint)
    return deployment


def wanted(
    mode: Mode, data: Path, *, store: str = "", seal: str = "", account: str = "", region: str = ""
) -> Settings:
    """Return the settings of a data directory that may not have been made yet.

    What the directory was made with stands; the command line may repeat it, not change it.
    """
    made = config.read_deployment(data)
    if made is None:
        return Settings(
            mode=mode,
            data=data,
            store=store,
            seal=seal,
            account=account or config.DEFAULT_ACCOUNT,
            region=region or config.DEFAULT_REGION,
        )
    for name, given, kept in (
        ("store", store, made.store),
        ("seal", seal, made.seal),
        ("account", account, made.account),
        ("region", region, made.region),
    ):
        if given and given != kept:
            hint = f"leave --{name} away, or name another directory"
            raise Problem(f"{data} was made with another {name}", hint)
    return settings(mode, data, made)


def settings(mode: Mode, data: Path, made: Deployment) -> Settings:
    """Return the settings that a data directory was made with."""
    return Settings(
        mode=mode,
        data=data,
        store=made.store,
        seal=made.seal,
        account=made.account,
        region=made.region,
    )


def facing(
    settings: Settings,
    domains: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    attestation_roots: Path | None,
) -> Settings:
    """Return settings with what the command line says of who is in front, and who is believed."""
    return replace(
        settings,
        domains=tuple(name.lower().strip(".") for name in domains) or settings.domains,
        trusted_proxies=trusted_proxies,
        attestation_roots=attestation_roots,
    )


def limited(settings: Settings, kms_quotas: str, workers: int) -> Settings:
    """Return settings with the request quotas, and the workers that share them."""
    return replace(settings, kms_quotas=kms_quotas, workers=workers)


@contextmanager
def open_store(data: Path) -> Iterator[Store]:
    """Open the store of a data directory, without its seal."""
    from stockade.store.store import Store

    store = Store.open(settings("serve", data, existing(data)).store_url, directory=data)
    try:
        yield store
    finally:
        store.close()

# SPDX-License-Identifier: Apache-2.0
"""The settings of a process: the one file that reads the environment.

`stockade init` writes what belongs to a data directory (store, seal, account, Region) into its
`stockade.json`; everything else comes from the command line of the process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

CONFIG_FILE = "stockade.json"
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
DEFAULT_PORT = 4566
DEFAULT_DOMAINS = ("localhost", "amazonaws.com")
BODY_LIMIT = 1_048_576
"""Bytes of a request body; the largest request of the services served is far below."""

PASSPHRASE_VARIABLE = "STOCKADE_PASSPHRASE"  # noqa: S105  a name, not a secret
NEW_PASSPHRASE_VARIABLE = "STOCKADE_NEW_PASSPHRASE"  # noqa: S105  a name, not a secret
QUOTAS_VARIABLE = "STOCKADE_KMS_QUOTAS"
PROXIES_VARIABLE = "STOCKADE_TRUSTED_PROXIES"
ATTESTATION_VARIABLE = "STOCKADE_ATTESTATION_ROOTS"
IGNORE_ENDPOINTS_VARIABLE = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"

_ELSEWHERE = frozenset(
    {
        "AWS_DEFAULT_PROFILE",
        "AWS_PROFILE",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        IGNORE_ENDPOINTS_VARIABLE,
    }
)


class SettingsError(Exception):
    """A setting that cannot be used: one sentence, and what to do about it."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one process needs to know."""

    mode: Literal["dev", "serve"]
    data: Path | None = None
    """The data directory; None keeps everything in memory (dev only)."""
    store: str = ""
    """The store's URL; empty: SQLite in the data directory."""
    seal: str = ""
    """`file:PATH` or `passphrase`; empty: a file in the data directory."""
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    body_limit: int = BODY_LIMIT
    domains: tuple[str, ...] = DEFAULT_DOMAINS
    """Below which hosts are named as AWS's are."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies whose word on a request's origin is taken."""
    kms_quotas: str = "off"
    """`off`, `aws`, or the path of a file of KMS's request quotas."""
    workers: int = 1
    """How many processes answer, which the quotas are divided among."""
    attestation_roots: Path | None = None
    """Root certificates (PEM) that enclaves' attestation documents are held against; None: AWS's
    Nitro root alone."""
    cloudhsm: tuple[str, ...] = ()
    """CloudHSM clusters and the PKCS#11 tokens that play them: `cluster-...=pkcs11:...`."""
    xks_proxies: tuple[str, ...] = ()
    """Where proxies of external key stores are reached: `https://NAME=https://HOST:PORT`."""

    @property
    def store_url(self) -> str:
        if self.store:
            return self.store
        return f"sqlite:///{self.data / 'stockade.db'}" if self.data else "sqlite://"

    @property
    def seal_choice(self) -> str:
        return self.seal or f"file:{self.data / 'seal.key'}" if self.data else ""


class Deployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `stockade.json` in a data directory says."""

    store: str
    seal: str
    account: str
    region: str


def read_deployment(data: Path) -> Deployment | None:
    """Return what a data directory was made with, or None where nothing was made yet."""
    path = data / CONFIG_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Deployment)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"{path} is damaged: {error}",
            "it is JSON with store, seal, account, region: write it again as it was",
        ) from error


def write_deployment(data: Path, deployment: Deployment) -> None:
    """Write `stockade.json`, readable by its owner alone: a store's URL may hold a password."""
    path = data / CONFIG_FILE
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(deployment)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def passphrase(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the passphrase of a passphrase seal, where the environment gives one."""
    return environment.get(PASSPHRASE_VARIABLE)


def new_passphrase(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the passphrase that `stockade seal rotate` is to seal with, where it is given."""
    return environment.get(NEW_PASSPHRASE_VARIABLE)


def trusted_proxies(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the networks of trusted proxies, where the environment gives some."""
    listed = environment.get(PROXIES_VARIABLE, "").split(",")
    return tuple(network.strip() for network in listed if network.strip())


def kms_quotas(environment: Mapping[str, str] = os.environ) -> str:
    """Return which request quotas KMS is to keep, where the environment says so."""
    return environment.get(QUOTAS_VARIABLE) or "off"


def attestation_roots(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file of root certificates for attestation documents, where there is one."""
    path = environment.get(ATTESTATION_VARIABLE)
    return Path(path) if path else None


def endpoint(environment: Mapping[str, str] = os.environ) -> str:
    """Return where a client command finds its server: AWS_ENDPOINT_URL, or a `stockade dev`."""
    return environment.get("AWS_ENDPOINT_URL") or f"http://127.0.0.1:{DEFAULT_PORT}"


def ca_bundle(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the file of certificate authorities that AWS's tools are told to trust."""
    return environment.get("AWS_CA_BUNDLE") or None


def endpoint_is_ignored(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether AWS_ENDPOINT_URL is switched off, so that requests go to AWS itself."""
    return environment.get(IGNORE_ENDPOINTS_VARIABLE, "").lower() == "true"


def misleading(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variables that would lead AWS's tools elsewhere, or to other credentials."""
    return sorted(
        name for name in environment if name in _ELSEWHERE or name.startswith("AWS_ENDPOINT_URL_")
    )


def child_environment(
    changes: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return this process's environment for a child that is to use a Stockade alone."""
    drop = set(misleading(environment))
    kept = {name: value for name, value in environment.items() if name not in drop}
    return kept | dict(changes)

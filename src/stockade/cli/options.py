# SPDX-License-Identifier: Apache-2.0
"""Options and arguments that several commands take, with what is checked about them."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stockade import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from stockade.cli.client import Client

F = TypeVar("F", bound="Callable[..., Any]")

DIRECTORY = click.Path(file_okay=False, path_type=Path, resolve_path=True)
FILE = click.Path(dir_okay=False, path_type=Path, resolve_path=True)
_SQLITE = "sqlite:///"


def examples(*lines: str) -> str:
    """Return the end of a command's help: what to type."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def data_option(*, required: bool = True, text: str = "The data directory.") -> Callable[[F], F]:
    """Return the option that names a data directory."""
    return click.option("--data", metavar="DIR", type=DIRECTORY, required=required, help=text)


def endpoint_option(command: F) -> F:
    """Add the option that says where the server is."""
    return click.option(
        "--endpoint",
        metavar="URL",
        callback=lambda _ctx, _param, value: (value or config.endpoint()).rstrip("/"),
        help="Where the server is. [default: AWS_ENDPOINT_URL, or http://127.0.0.1:4566]",
    )(command)


def account_option(text: str) -> Callable[[F], F]:
    """Return the option that names an AWS account."""
    return click.option("--account", metavar="ID", callback=_account, help=text)


def region_option(text: str) -> Callable[[F], F]:
    """Return the option that names an AWS Region."""
    return click.option("--region", metavar="NAME", callback=_region, help=text)


def store_option(command: F) -> F:
    """Add the option that names a store."""
    return click.option(
        "--store",
        metavar="URL",
        default="",
        callback=_store,
        help="Where things are kept: postgresql://USER@HOST/DATABASE or sqlite:///PATH. Leave a"
        " password to PGPASSWORD or ~/.pgpass. [default: SQLite in DIR]",
    )(command)


def seal_option(command: F) -> F:
    """Add the option that names a seal."""
    return click.option(
        "--seal",
        metavar="SEAL",
        default="",
        callback=lambda _ctx, _param, value: absolute_seal(value),
        help="What everything secret is sealed with: `file:PATH`; `passphrase`, which is asked for"
        " or taken from STOCKADE_PASSPHRASE; `pkcs11:URI`, a key in a token, whose PIN is asked for"
        " in the same way if the URI names no file; or `aws-kms:KEY_ARN`. [default: a file in DIR]",
    )(command)


def proxies_option(command: F) -> F:
    """Add the option that names trusted proxies."""
    return click.option(
        "--trusted-proxy",
        "trusted_proxies",
        metavar="CIDR",
        multiple=True,
        callback=_proxies,
        help="A network of proxies in front, such as 10.0.0.0/24: their Forwarded or"
        " X-Forwarded-For, -Proto and -Host headers are believed. May be repeated."
        " [default: STOCKADE_TRUSTED_PROXIES, with commas]",
    )(command)


def quotas_option(command: F) -> F:
    """Add the option that chooses KMS's request quotas."""
    return click.option(
        "--kms-quotas",
        metavar="off|aws|FILE",
        callback=lambda _ctx, _param, value: _quotas(value or config.kms_quotas()),
        help="The requests a second that KMS allows before it answers ThrottlingException: as many"
        " as one asks for, AWS's quotas, or those of a file. [default: STOCKADE_KMS_QUOTAS, or"
        " off]",
    )(command)


def attestation_option(command: F) -> F:
    """Add the option that names the roots of attestation documents."""
    return click.option(
        "--attestation-roots",
        metavar="FILE",
        type=FILE,
        callback=lambda _ctx, _param, value: value or config.attestation_roots(),
        help="Root certificates in PEM that the attestation documents of enclaves have to lead to."
        " [default: STOCKADE_ATTESTATION_ROOTS, or AWS's Nitro root]",
    )(command)


def key_stores_option(command: F) -> F:
    """Add the options that say what is behind custom key stores."""
    command = click.option(
        "--xks-proxy",
        "xks_proxies",
        metavar="URL=URL",
        multiple=True,
        callback=_addresses,
        help="Where the proxy of an external key store is reached, if not at port 443 of its"
        " name: https://xks.example.com=https://10.0.0.7:8443. May be repeated.",
    )(command)
    return click.option(
        "--cloudhsm",
        metavar="CLUSTER=URI",
        multiple=True,
        callback=_clusters,
        help="A CloudHSM cluster for custom key stores and the PKCS#11 token that plays it:"
        " cluster-2a23b4cdefg=pkcs11:token=LABEL?module-path=/usr/lib/....so. May be repeated.",
    )(command)


def domain_option(command: F) -> F:
    """Add the option that names the domains below which hosts are AWS's."""
    return click.option(
        "--domain",
        "domains",
        metavar="NAME",
        multiple=True,
        help="A domain below which hosts are named as AWS's are, such as"
        " kms.eu-west-1.NAME. May be repeated. [default: localhost, amazonaws.com]",
    )(command)


def credentials_option(text: str) -> Callable[[F], F]:
    """Return the option that names a file of credentials."""
    return click.option("--credentials-file", metavar="FILE", type=FILE, help=text)


def client(endpoint: str) -> Client:
    """Return a client of the server at an endpoint."""
    from stockade.cli.client import Client

    return Client(endpoint, config.ca_bundle())


def absolute_seal(setting: str) -> str:
    """Return a seal's setting so that it means the same from every working directory."""
    kind, colon, path = setting.partition(":")
    if kind == "file" and path:
        return f"{kind}{colon}{Path(path).expanduser().absolute()}"
    return setting


def _store(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not value.startswith(_SQLITE):
        return value
    return _SQLITE + str(Path(value.removeprefix(_SQLITE)).absolute())


def _proxies(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    networks = value or config.trusted_proxies()
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise click.BadParameter(f"{network!r} is not like 10.0.0.0/24") from None
    return networks


def _quotas(value: str) -> str:
    """Return the choice so that it means the same from every working directory."""
    return value if value in ("off", "aws") else str(Path(value).expanduser().absolute())


def _clusters(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    from stockade.services.kms.key_store_links import parse_cluster
    from stockade.store.token_uri import BadUri

    for text in value:
        try:
            parse_cluster(text)
        except BadUri as bad:
            raise click.BadParameter(f"{text!r}: {bad}") from None
    return value


def _addresses(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    for text in value:
        if not re.fullmatch(r"https://[a-zA-Z0-9.-]+=https://[^/=]+", text):
            raise click.BadParameter(f"{text!r} is not like https://NAME=https://HOST:PORT")
    return value


def _account(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9]{12}", value):
        raise click.BadParameter("an account is twelve digits")
    return value


def _region(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[a-z]{2,8}(-[a-z0-9]{1,16}){1,4}", value):
        raise click.BadParameter("a Region is like us-east-1")
    return value

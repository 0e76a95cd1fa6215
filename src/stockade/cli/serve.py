# SPDX-License-Identifier: Apache-2.0
"""`stockade serve`: a durable server, without known credentials, with TLS beyond this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from stockade import __version__, config
from stockade.cli.init import CREDENTIALS_TEXT
from stockade.cli.options import (
    FILE,
    account_option,
    attestation_option,
    credentials_option,
    data_option,
    domain_option,
    examples,
    key_stores_option,
    proxies_option,
    quotas_option,
    region_option,
    seal_option,
    store_option,
)
from stockade.cli.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stockade.config import Settings
    from stockade.server import Listen


@click.command(
    epilog=examples(
        "stockade serve --data /var/lib/stockade",
        "stockade serve --data /var/lib/stockade --workers 4 \\",
        "    --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem",
    )
)
@data_option(text="The data directory; the first time it is made, as by `stockade init`.")
@store_option
@seal_option
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that answer; one for each core is a good number.",
)
@click.option(
    "--listen",
    "address",
    metavar="HOST:PORT",
    default=f"127.0.0.1:{config.DEFAULT_PORT}",
    show_default=True,
    help="The address to listen on; beyond this host it needs TLS. Port 0 finds a free one.",
)
@click.option("--tls-cert", metavar="FILE", type=FILE, help="The certificate with its chain, PEM.")
@click.option("--tls-key", metavar="FILE", type=FILE, help="The certificate's private key, PEM.")
@account_option(f"The account, the first time. [default: {config.DEFAULT_ACCOUNT}]")
@region_option(f"The Region, the first time. [default: {config.DEFAULT_REGION}]")
@credentials_option(CREDENTIALS_TEXT)
@domain_option
@proxies_option
@quotas_option
@attestation_option
@key_stores_option
@click.pass_obj
def serve(
    debug: bool,
    data: Path,
    store: str,
    seal: str,
    workers: int,
    address: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    account: str | None,
    region: str | None,
    credentials_file: Path | None,
    domains: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    kms_quotas: str,
    attestation_roots: Path | None,
    cloudhsm: tuple[str, ...],
    xks_proxies: tuple[str, ...],
) -> None:
    """Start a server that keeps what it is given.

    The first time it makes its data directory and shows the root credentials, as `stockade init`
    does. The AWS CLI and SDKs then find it by AWS_ENDPOINT_URL.
    """
    from stockade.cli import occupancy, running
    from stockade.cli.deployment import facing, limited, wanted

    listen = listening_on(address, workers, tls_cert, tls_key)
    running.start_logging(debug=debug)
    given = {"store": store, "seal": seal, "account": account or "", "region": region or ""}
    settings = wanted("serve", data, **given)
    sock, listen = running.take(listen, "--listen")
    with sock:
        passphrase = _passphrase(settings, credentials_file)
        with occupancy.settled(data):
            settings = wanted("serve", data, **given)  # it may just have been given its new seal
            settings = facing(settings, domains, trusted_proxies, attestation_roots)
            settings = replace(settings, cloudhsm=cloudhsm, xks_proxies=xks_proxies)
            settings = limited(settings, kms_quotas, workers)
            greeting = f"Stockade {__version__}, ready at {running.url(listen)}"
            running.run(settings, listen, sock, passphrase, lambda: click.echo(greeting))


def _passphrase(settings: Settings, credentials_file: Path | None) -> Callable[[], str]:
    """Make the data directory the first time; return what gives the seal's passphrase."""
    from stockade.cli.init import make
    from stockade.cli.passphrases import existing, new

    assert settings.data is not None, "serve is told a directory"
    if config.read_deployment(settings.data) is not None:
        return existing()
    passphrase = new()
    make(settings, passphrase, credentials_file)
    return passphrase


def listening_on(address: str, workers: int, cert: Path | None, key: Path | None) -> Listen:
    """Return where to listen; beyond this host that takes a certificate."""
    from stockade.cli import running
    from stockade.server import Listen

    host, port = _address(address)
    if (cert is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    if cert is not None and key is not None:
        running.check_certificate(cert, key)
    elif not running.is_loopback(host):
        hint = "give it a certificate with --tls-cert and --tls-key"
        raise Problem(f"{host} is beyond this host, where only TLS keeps secrets secret", hint)
    return Listen(host=host, port=port, workers=workers, tls_cert=cert, tls_key=key)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise click.BadParameter(f"{text!r} is not like 127.0.0.1:4566", param_hint="'--listen'")
    return host, int(port)

# SPDX-License-Identifier: Apache-2.0
"""`stockade dev`: a server with known credentials and a movable clock, for this host alone."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from stockade import __version__, config
from stockade.cli.env import variables
from stockade.cli.options import (
    account_option,
    attestation_option,
    data_option,
    domain_option,
    examples,
    key_stores_option,
    proxies_option,
    quotas_option,
    region_option,
)
from stockade.cli.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from stockade.config import Settings


@click.command(
    epilog=examples(
        "stockade dev",
        "stockade dev --port 0",
        "stockade dev --data ./stockade-data --workers 2",
    )
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=config.DEFAULT_PORT,
    show_default=True,
    help="The port to listen on; 0 finds a free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; it must be one of this host's own, such as ::1.",
)
@data_option(
    required=False,
    text="Keep everything in this directory, made the first time. One for `serve` is made by"
    " `serve` or `init`, which show its root credentials.",
)
@click.option("--memory", is_flag=True, help="Keep everything in memory. This is the default.")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that answer; more than one needs --data.",
)
@account_option(f"The account of `test`. [default: {config.DEFAULT_ACCOUNT}]")
@region_option(f"The Region in the lines to copy. [default: {config.DEFAULT_REGION}]")
@domain_option
@proxies_option
@quotas_option
@attestation_option
@key_stores_option
@click.pass_obj
def dev(
    debug: bool,
    port: int,
    host: str,
    data: Path | None,
    memory: bool,
    workers: int,
    account: str | None,
    region: str | None,
    domains: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    kms_quotas: str,
    attestation_roots: Path | None,
    cloudhsm: tuple[str, ...],
    xks_proxies: tuple[str, ...],
) -> None:
    """Start a server for development.

    Everything is real (signatures, policies, encryption, audit), but the credentials are known:
    `test` with the secret `test` is the account's root, and twelve digits with the secret `test`
    are the root of that account. So it listens to this host alone.
    """
    from stockade.cli import occupancy, passphrases, running
    from stockade.cli.deployment import facing, limited
    from stockade.server import Listen

    _check(host, data, memory=memory, workers=workers)
    running.start_logging(debug=debug)
    settings = _settings(data, account, region)
    sock, listen = running.take(Listen(host=host, port=port, workers=workers), "--port")
    passphrase = passphrases.existing()
    with sock, ExitStack() as stack:
        if data is not None:
            _make(settings)
            stack.enter_context(occupancy.settled(data))
            settings = _settings(data, account, region)  # it may just have been given its new seal
        settings = facing(settings, domains, trusted_proxies, attestation_roots)
        settings = replace(settings, cloudhsm=cloudhsm, xks_proxies=xks_proxies)
        settings = limited(settings, kms_quotas, workers)
        greeting = _greeting(settings, running.url(listen))
        running.run(settings, listen, sock, passphrase, lambda: click.echo(greeting))


def _check(host: str, data: Path | None, *, memory: bool, workers: int) -> None:
    from stockade.cli.running import is_loopback

    if memory and data is not None:
        raise click.UsageError("--memory and --data exclude each other")
    if workers > 1 and data is None:
        raise click.UsageError("more than one worker needs --data DIR, for workers share no memory")
    if not is_loopback(host):
        hint = f"`stockade serve --listen {host}:PORT --tls-cert ... --tls-key ...` may be reached"
        raise Problem(f"dev has known credentials, so it does not listen on {host}", hint)


def _settings(data: Path | None, account: str | None, region: str | None) -> Settings:
    from stockade.cli.deployment import wanted
    from stockade.config import Settings

    if data is not None:
        return wanted("dev", data, account=account or "", region=region or "")
    return Settings(
        mode="dev",
        account=account or config.DEFAULT_ACCOUNT,
        region=region or config.DEFAULT_REGION,
    )


def _make(settings: Settings) -> None:
    """Make the data directory the first time; dev needs no credentials of its own making."""
    from stockade.cli.passphrases import new
    from stockade.creation import create

    if settings.data is not None and config.read_deployment(settings.data) is None:
        create(settings, new())


def _greeting(settings: Settings, url: str) -> str:
    kept = f"in {settings.data}" if settings.data else "in memory: when it stops, all is gone"
    lines = [f"Stockade {__version__}, for development, {kept}", f"  {url}", ""]
    lines += [f"Account {settings.account}. In another terminal:", ""]
    names = variables(url, None, settings.region, None)
    lines += [f"  export {name}={value}" for name, value in names.items()]
    lines += ["  aws kms create-key", "", "Ready; ctrl-c stops it."]
    return "\n".join(lines)

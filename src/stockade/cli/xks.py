# SPDX-License-Identifier: Apache-2.0
"""`stockade xks`: Stockade as the external key store of real AWS KMS, or of another Stockade.

The commands work in a data directory, also while servers use it: what they change counts in every
running `stockade xks serve` from the next request on. See docs/xks.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import msgspec

from stockade import __version__
from stockade.cli.options import (
    FILE,
    account_option,
    credentials_option,
    data_option,
    examples,
    proxies_option,
    region_option,
)
from stockade.cli.problems import Problem
from stockade.cli.serve import listening_on
from stockade.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stockade.app import Stockade
    from stockade.cli.credentials import Handover
    from stockade.xks.stores import NewCredential

DEFAULT_PORT = 4567
FILE_TEXT = (
    "Write the credential to this new file, as the console of AWS KMS wants it."
    " [default: show it once]"
)


class Authentication(msgspec.Struct, frozen=True, rename="pascal"):
    """The credential in the file that AWS's console takes."""

    access_key_id: str
    raw_secret_access_key: str

    def __repr__(self) -> str:
        return f"Authentication({self.access_key_id})"


class ProxyConfiguration(msgspec.Struct, frozen=True, rename="pascal"):
    """The proxy configuration file of the specification."""

    xks_proxy_uri_path: str
    xks_proxy_authentication_credential: Authentication


@click.group(
    epilog=examples(
        "stockade xks create nile --data /var/lib/stockade",
        "stockade xks serve --data /var/lib/stockade",
    )
)
def xks() -> None:
    """Hold the keys of real AWS KMS, as its external key store.

    Another Stockade's KMS can have its keys here the same way. docs/xks.md says how.
    """


@xks.command(
    epilog=examples(
        "stockade xks create nile --data /var/lib/stockade",
        "stockade xks create nile --data DIR --credentials-file nile.json",
    )
)
@click.argument("name")
@data_option()
@account_option("The account whose KMS keys it leads to. [default: the deployment's]")
@region_option("The Region whose KMS keys it leads to. [default: the deployment's]")
@credentials_option(FILE_TEXT)
def create(
    name: str,
    data: Path,
    account: str | None,
    region: str | None,
    credentials_file: Path | None,
) -> None:
    """Make a key store with its first credential.

    NAME begins its URI path. The keys behind it are the KMS keys of one account and Region whose
    policies let cks.kms.amazonaws.com in; a key's external key ID is its key ID.
    """
    from stockade.cli.credentials import handover

    with handover(credentials_file) as out, _opened(data) as app:
        with app.changing_key_stores() as stores:
            made = app.settings
            credential = stores.create(name, account or made.account, region or made.region)
        _hand_over(credential, out)
    click.echo(f"To start it: stockade xks serve --data {data}")


@xks.command(epilog=examples("stockade xks rotate nile --data /var/lib/stockade"))
@click.argument("name")
@data_option()
@credentials_option(FILE_TEXT)
def rotate(name: str, data: Path, credentials_file: Path | None) -> None:
    """Make a second credential for a key store.

    Both are valid until one is revoked, so that nothing stands still in between: rotate, give the
    new one to KMS (UpdateCustomKeyStore), revoke the old one.
    """
    from stockade.cli.credentials import handover

    with handover(credentials_file) as out, _opened(data) as app:
        with app.changing_key_stores() as stores:
            credential = stores.rotate(name)
        _hand_over(credential, out)


@xks.command(epilog=examples("stockade xks revoke nile HGIE2BUAFNDMBCMSQVWLGCEXAMPLE --data DIR"))
@click.argument("name")
@click.argument("access_key_id")
@data_option()
def revoke(name: str, access_key_id: str, data: Path) -> None:
    """Have a credential of a key store count no longer."""
    with _opened(data) as app, app.changing_key_stores() as stores:
        stores.revoke(name, access_key_id)
    click.echo(f"{access_key_id} opens {name} no longer.")


@xks.command(epilog=examples("stockade xks delete nile --data /var/lib/stockade"))
@click.argument("name")
@data_option()
def delete(name: str, data: Path) -> None:
    """Remove a key store and its credentials.

    The KMS keys stay. A KMS that used them cannot open what it encrypted, until there is a key
    store again that leads to them.
    """
    with _opened(data) as app, app.changing_key_stores() as stores:
        stores.delete(name)
    click.echo(f"{name} is gone; the keys it led to are still there.")


@xks.command("list", epilog=examples("stockade xks list --data /var/lib/stockade"))
@data_option()
def list_(data: Path) -> None:
    """Show the key stores and their credentials, without secrets."""
    from stockade.cli.deployment import open_store
    from stockade.xks.stores import every

    with open_store(data) as store, store.read() as unit:
        found = every(unit)
    heads = ("key store", "account", "Region", "URI path", "access key ID", "made")
    rows = [
        (
            store.name,
            store.account,
            store.region,
            store.path,
            each.access_key_id,
            f"{each.created:%Y-%m-%d}",
        )
        for store, credentials in found
        for each in credentials
    ]
    rows += [
        (store.name, store.account, store.region, store.path, "(none: it is shut)", "")
        for store, credentials in found
        if not credentials
    ]
    click.echo(table(heads, sorted(rows)) if rows else "There are no key stores.")


@xks.command(
    epilog=examples(
        "stockade xks serve --data /var/lib/stockade",
        "stockade xks serve --data /var/lib/stockade --listen 0.0.0.0:443 \\",
        "    --tls-cert cert.pem --tls-key key.pem",
    )
)
@data_option()
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
    default=f"127.0.0.1:{DEFAULT_PORT}",
    show_default=True,
    help="The address to listen on; beyond this host it needs TLS. Port 0 finds a free one.",
)
@click.option("--tls-cert", metavar="FILE", type=FILE, help="The certificate with its chain, PEM.")
@click.option("--tls-key", metavar="FILE", type=FILE, help="The certificate's private key, PEM.")
@proxies_option
@click.pass_obj
def serve(
    debug: bool,
    data: Path,
    workers: int,
    address: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    trusted_proxies: tuple[str, ...],
) -> None:
    """Start the proxy that another KMS connects to.

    It answers AWS's external key store proxy API and nothing else. AWS KMS connects to port 443 of
    a public name, with a certificate of a public authority: by --tls-cert and --tls-key here, or at
    a proxy in front that is on this host. `stockade serve` may use the same data directory at the
    same time. It starts once there is a credential.
    """
    from stockade.cli import occupancy, passphrases, running
    from stockade.cli.deployment import existing, facing, settings

    listen = listening_on(address, workers, tls_cert, tls_key)
    running.start_logging(debug=debug)
    existing(data)
    sock, listen = running.take(listen, "--listen")
    with sock, occupancy.settled(data):
        passphrase = passphrases.existing()
        _must_have_credentials(data)
        chosen = facing(settings("serve", data, existing(data)), (), trusted_proxies, None)
        greeting = (
            f"Stockade {__version__}, external key store proxy ready at {running.url(listen)}"
        )
        running.run(
            chosen,
            listen,
            sock,
            passphrase,
            lambda: click.echo(greeting),
            door=lambda app: app.xks_door(),
        )


@contextmanager
def _opened(data: Path) -> Iterator[Stockade]:
    """Open the deployment of a data directory, beside the servers that use it."""
    from stockade.app import Stockade
    from stockade.cli import occupancy, passphrases
    from stockade.cli.deployment import existing, settings

    existing(data)
    with occupancy.settled(data):
        app = Stockade.open(settings("serve", data, existing(data)), passphrases.existing())
        try:
            yield app
        finally:
            app.close()


def _must_have_credentials(data: Path) -> None:
    """Refuse to start where nobody could come in."""
    from stockade.cli.deployment import open_store
    from stockade.xks.stores import every

    with open_store(data) as store, store.read() as unit:
        if not any(credentials for _, credentials in every(unit)):
            hint = f"make a key store: stockade xks create NAME --data {data}"
            raise Problem(f"{data} has no key store with a credential", hint)


def _hand_over(credential: NewCredential, out: Handover) -> None:
    """Hand a credential over, once."""
    if out.path is not None:
        pair = Authentication(credential.access_key_id, credential.secret_access_key)
        out.write(ProxyConfiguration(credential.store.path, pair))
        click.echo(f"The credential of {credential.store.name} is in {out.path}; keep it safe.")
        return
    click.echo(f"The credential of {credential.store.name}, shown this once:\n")
    click.echo(f"  XksProxyUriPath     {credential.store.path}")
    click.echo(f"  AccessKeyId         {credential.access_key_id}")
    click.echo(f"  RawSecretAccessKey  {credential.secret_access_key}\n")

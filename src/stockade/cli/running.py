# SPDX-License-Identifier: Apache-2.0
"""What `dev` and `serve` share: bind, look whether it all opens, fork, say when it answers.

What can be wrong (port, seal, store, certificate) is found before the first fork, so that a person
reads one sentence and not the complaints of several workers.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import signal
from typing import TYPE_CHECKING

import msgspec

from stockade.cli.problems import Problem, as_problem
from stockade.server import Listen, bind, keep_memory_private, run_uvicorn, serve

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from stockade.app import Stockade
    from stockade.asgi import Answers
    from stockade.config import Settings
    from stockade.store.seal import Seal

log = logging.getLogger("stockade.server")


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from this host alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url(listen: Listen) -> str:
    """Return the address that clients use."""
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{listen.scheme}://{host}:{listen.port}"


def take(listen: Listen, option: str) -> tuple[socket.socket, Listen]:
    """Return the bound socket, and the address with the port that was found if it was 0."""
    try:
        sock = bind(listen)
    except OSError as error:
        raise _not_bound(listen, option, error) from None
    except OverflowError:
        raise Problem(f"there is no port {listen.port}", f"choose another with {option}") from None
    return sock, msgspec.structs.replace(listen, port=sock.getsockname()[1])


def start_logging(*, debug: bool) -> None:
    """Log to stderr: what needs attention, with `debug` everything."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if not debug:
        # A warning for every broken request would let anybody fill the disk with the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def check(settings: Settings, passphrase: Callable[[], str]) -> Seal:
    """Open everything once and close it again, so that what is wrong is heard of here.

    Return the seal: workers that are started later have it, whatever its file says by then.
    """
    from stockade.app import Stockade

    app = Stockade.open(settings, passphrase)
    app.close()
    return app.seal


def run(
    settings: Settings,
    listen: Listen,
    sock: socket.socket,
    passphrase: Callable[[], str],
    announce: Callable[[], None],
    door: Callable[[Stockade], Answers] = lambda app: app,
) -> None:
    """Serve until a signal says stop; `announce` is called once, when the first worker answers.

    `door` is what of the deployment answers here: by default AWS's APIs.
    """
    if settings.mode == "serve":
        keep_memory_private()
    seal = check(settings, passphrase) if settings.data is not None else None
    announce_once = _once_in_all_workers(announce)

    def work(sock: socket.socket) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn raises the signal that stopped it again at the end; KeyboardInterrupt lets
            # the store and the journal be closed then, the default handler would not.
            signal.signal(number, signal.default_int_handler)
        try:
            _work(settings, listen, sock, seal, announce_once, door)
        except KeyboardInterrupt:
            log.debug("stopped")
        except Exception as fault:
            if settings.data is None:
                raise
            # The listener starts another worker; a store that is gone may come back.
            log.error("a worker ended: %s", as_problem(fault).message)  # noqa: TRY400

    def keep() -> None:
        _keep(settings, seal)

    serve(listen, sock, work, keep if settings.data is not None else None)


def _work(
    settings: Settings,
    listen: Listen,
    sock: socket.socket,
    seal: Seal | None,
    announce: Callable[[], None],
    door: Callable[[Stockade], Answers],
) -> None:
    from stockade.app import Stockade
    from stockade.asgi import Shell

    app = Stockade.open(settings, _nobody, seal)
    try:
        if settings.data is None:
            app.start()
        run_uvicorn(Shell(door(app), announce), sock, listen)
    finally:
        app.close()


def _keep(settings: Settings, seal: Seal | None) -> None:
    """Keep a deployment on disk in a process of its own: time, and the journal's shipping."""
    from stockade.app import Stockade

    app = Stockade.open(settings, _nobody, seal)
    signal.signal(signal.SIGTERM, lambda *_: app.stop())
    signal.signal(signal.SIGINT, lambda *_: app.stop())
    try:
        app.keep()
    finally:
        app.close()


def _nobody() -> str:
    raise AssertionError("a worker has its seal from its parent")


def _once_in_all_workers(announce: Callable[[], None]) -> Callable[[], None]:
    """Return what announces in one worker only: the one that finds the token in the pipe."""
    token, put = os.pipe()
    os.write(put, b".")
    os.close(put)

    def attempt() -> None:
        if os.read(token, 1):
            announce()

    return attempt


def check_certificate(cert: Path, key: Path) -> None:
    """Load the certificate and its key as the server will."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        hint = "both must be PEM, the key without a passphrase and the certificate's own"
        reason = (error.reason or "unreadable").lower().replace("_", " ")
        raise Problem(f"{cert} and {key} cannot be used for TLS ({reason})", hint) from None
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise Problem(f"{cert} or {key} cannot be read ({reason})") from None


def _not_bound(listen: Listen, option: str, error: OSError) -> Problem:
    if error.errno == errno.EADDRINUSE:
        return Problem(f"port {listen.port} is taken", f"choose another with {option}")
    if error.errno == errno.EACCES:
        hint = f"ports below 1024 need more rights: choose another with {option}"
        return Problem(f"port {listen.port} may not be used", hint)
    reason = (error.strerror or type(error).__name__).lower()
    return Problem(f"{listen.host} cannot be listened on ({reason})")

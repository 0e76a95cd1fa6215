# SPDX-License-Identifier: Apache-2.0
"""Talks to a running server on the paths beside AWS's: probes, clock, explanations.

Without proxies, for the server is near; with AWS_CA_BUNDLE, as the AWS CLI and SDKs have it.
Commands import this inside, because Python's HTTP takes a while to load.
"""

from __future__ import annotations

import json
import ssl
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from stockade.cli.problems import NoAnswer, Problem

SECONDS = 5.0
OK, NOT_FOUND = 200, 404


class Reply(NamedTuple):
    """What the server said."""

    status: int
    body: bytes

    def fields(self) -> dict[str, Any]:
        """Return the JSON object that the body is; empty where it is something else."""
        try:
            said = json.loads(self.body)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


class Client:
    """A way to one server."""

    def __init__(self, endpoint: str, ca_bundle: str | None = None) -> None:
        self.endpoint = endpoint
        self._opener = _opener(endpoint, ca_bundle)

    def get(self, path: str, seconds: float = SECONDS) -> Reply:
        """Ask for a path."""
        return self._send(Request(self.endpoint + path), seconds)  # noqa: S310  see _opener

    def post(self, path: str, content: object, seconds: float = SECONDS) -> Reply:
        """Send JSON to a path."""
        headers = {"Content-Type": "application/json"}
        body = json.dumps(content).encode()
        return self._send(Request(self.endpoint + path, body, headers), seconds)  # noqa: S310

    def _send(self, request: Request, seconds: float) -> Reply:
        try:
            with self._opener.open(request, timeout=seconds) as answer:
                return Reply(answer.status, answer.read())
        except HTTPError as refusal:
            with refusal:
                return Reply(refusal.code, refusal.read())
        except URLError as fault:
            raise self._no_answer(fault.reason) from None
        except (OSError, HTTPException) as fault:
            raise self._no_answer(fault) from None

    def _no_answer(self, reason: object) -> NoAnswer:
        if isinstance(reason, ConnectionRefusedError):
            hint = "start one with `stockade dev`, or name another with --endpoint"
            return NoAnswer(f"no Stockade answers at {self.endpoint}", hint)
        if isinstance(reason, ssl.SSLCertVerificationError):
            hint = "put its certificate authority's file into AWS_CA_BUNDLE"
            sentence = f"the certificate of {self.endpoint} is not trusted"
            return NoAnswer(f"{sentence} ({reason.verify_message})", hint)
        if isinstance(reason, TimeoutError):
            return NoAnswer(f"{self.endpoint} does not answer in time")
        scheme, _, rest = self.endpoint.partition("://")
        other = "http" if scheme == "https" else "https"
        said = getattr(reason, "strerror", None) or type(reason).__name__
        hint = f"is that the server's address? it may be {other}://{rest}"
        return NoAnswer(f"{self.endpoint} cannot be asked ({said})", hint)


def _opener(endpoint: str, ca_bundle: str | None) -> OpenerDirector:
    if not endpoint.startswith(("http://", "https://")):
        hint = "an address is like http://127.0.0.1:4566"
        raise Problem(f"{endpoint!r} is not the address of a server", hint)
    if endpoint.startswith("http:"):
        return build_opener(ProxyHandler({}))
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:
        raise Problem(f"AWS_CA_BUNDLE {ca_bundle} cannot be read ({error.strerror})") from None
    return build_opener(ProxyHandler({}), HTTPSHandler(context=context))

# SPDX-License-Identifier: Apache-2.0
"""Behind proxies: who the client is, which host it signed for, and whether it used TLS.

Only headers that a configured proxy sent are believed: `Forwarded` (RFC 7239), or
`X-Forwarded-For`, `-Proto` and `-Host`. Addresses are followed from the peer backwards, for as long
as they are those of proxies; what stands further left may be the client's invention. A proxy that
writes one kind of these headers may pass a client's own of the other kind on, so a request with
both is refused, and so is one whose headers cannot be read: a wrong address would decide for or
against it.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from stockade.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from stockade.protocol.http import HttpRequest

_X_FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")


class UnclearOrigin(AwsError):
    """A proxy's headers do not tell who sent the request."""

    code = "ValidationError"
    template = "The proxy in front of this endpoint sent contradictory or unreadable headers."


class Hop(NamedTuple):
    """What one proxy says of the request as it received it; empty where it says nothing."""

    address: str
    host: str
    scheme: str


class Proxies:
    """The proxies that are trusted, by their networks."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, networks))
        self._trusts = lru_cache(maxsize=4096)(self._is_inside)

    def original(self, http: HttpRequest) -> HttpRequest:
        """Return a request as its client sent it; as it is, where it did not come from a proxy."""
        if not self._trusts(http.client):
            return http
        client, host, secure = http.client, "", http.secure
        for hop in _hops(http):
            host = hop.host or host
            secure = hop.scheme == "https" if hop.scheme else secure
            if hop.address:
                client = hop.address
            if not self._trusts(client):
                break
        headers = http.headers
        if host:
            headers = [(name, value) for name, value in headers if name != b"host"]
            headers.append((b"host", host.encode("latin-1")))
        return replace(http, client=client, headers=headers, secure=secure)

    def _is_inside(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


def _hops(http: HttpRequest) -> Iterator[Hop]:
    """Yield what the proxies wrote, the nearest first."""
    forwarded = http.header(b"forwarded")
    x_forwarded = [http.header(name) for name in _X_FORWARDED]
    if forwarded is not None and any(value is not None for value in x_forwarded):
        raise UnclearOrigin(hint="Forwarded and X-Forwarded-* in one request")
    if forwarded is not None:
        yield from (_hop(element) for element in reversed(_split(_text(forwarded), ",")))
        return
    addresses, schemes, hosts = (_listed(value) for value in x_forwarded)
    if not (addresses or schemes or hosts):
        return
    # The proxy that the client reached says it; proxies behind it pass that on.
    yield Hop(_address(addresses.pop()) if addresses else "", _last(hosts), _scheme(_last(schemes)))
    for address in reversed(addresses):
        yield Hop(_address(address), "", "")


def _hop(element: str) -> Hop:
    pairs: dict[str, str] = {}
    for piece in _split(element, ";"):
        name, equals, value = piece.partition("=")
        name = name.strip().lower()
        if not equals or name in pairs:
            raise UnclearOrigin(hint="Forwarded is not a list of pairs")
        pairs[name] = value.strip().strip('"')
    address = pairs.get("for")
    return Hop(
        "" if address is None else _address(address),
        pairs.get("host", ""),
        _scheme(pairs.get("proto", "")),
    )


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator is not within quotes; nothing of ours has escapes in them."""
    pieces, quoted = [""], False
    for character in text:
        quoted ^= character == '"'
        if character == separator and not quoted:
            pieces.append("")
        else:
            pieces[-1] += character
    return [piece.strip() for piece in pieces if piece.strip()]


def _address(text: str) -> str:
    """Return an address without its port, in one spelling."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        parsed = ip_address(host)
    except ValueError:
        raise UnclearOrigin(hint="a forwarded address is not one") from None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def _scheme(text: str) -> str:
    lowered = text.lower()
    if lowered not in {"", "http", "https"}:
        raise UnclearOrigin(hint="a forwarded protocol is neither http nor https")
    return lowered


def _listed(value: bytes | None) -> list[str]:
    return [] if value is None else _split(_text(value), ",")


def _last(values: list[str]) -> str:
    return values[-1] if values else ""


def _text(value: bytes) -> str:
    if len(value) > 4096:
        raise UnclearOrigin(hint="a proxy's header is too long")
    return value.decode("latin-1")

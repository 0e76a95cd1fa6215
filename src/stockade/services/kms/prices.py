# SPDX-License-Identifier: Apache-2.0
"""What AWS takes for keys and requests (kms-17 to kms-21), as data that can be edited."""

from __future__ import annotations

from importlib import resources

import msgspec


class RequestPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some requests cost; what is left out does not matter."""

    name: str
    per_10_000: float
    operations: tuple[str, ...] = ()
    key_specs: tuple[str, ...] = ()
    """Of the key that is used."""
    key_pair_specs: tuple[str, ...] = ()
    """Of the data key pair that is made."""
    free_tier: bool = False
    """Whether the first requests of a month are free."""

    def fits(self, operation: str, key_spec: str, key_pair_spec: str) -> bool:
        """Say whether a request has this price."""
        return all(
            not wanted or asked in wanted
            for wanted, asked in (
                (self.operations, operation),
                (self.key_specs, key_spec),
                (self.key_pair_specs, key_pair_spec),
            )
        )


class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of prices, in whatever currency."""

    source: str = ""
    date: str = ""
    key_month: float
    rotation_month: float
    rotations_charged: int
    free_requests: int
    """For each account and month."""
    request: tuple[RequestPrice, ...]
    """The first that fits is what a request costs."""

    def of(self, operation: str, key_spec: str, key_pair_spec: str) -> RequestPrice | None:
        """Return the price of a request, or None where it is free."""
        for price in self.request:
            if price.fits(operation, key_spec, key_pair_spec):
                return price
        return None


def aws_prices() -> bytes:
    """Return AWS's public prices as a file."""
    return (resources.files("stockade.services.kms") / "prices_aws.toml").read_bytes()


def read_prices(content: bytes) -> Prices:
    """Return the prices of a file, or raise ValueError with what is wrong with it."""
    try:
        return msgspec.toml.decode(content, type=Prices)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error

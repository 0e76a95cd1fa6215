# SPDX-License-Identifier: Apache-2.0
"""Elliptic curve Diffie-Hellman: the raw shared secret of NIST SP 800-56A, 5.7.1.2.

The other side's public key is DER from anywhere, so it is held to its form and to our curve here;
that its point lies on the curve, OpenSSL checks. The curves of KMS have the cofactor 1.
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key


class NotAPublicKey(Exception):
    """The bytes are no public key of an elliptic curve."""


class OtherCurve(Exception):
    """The public key is of another curve than the private key."""


def shared_secret(private: ec.EllipticCurvePrivateKey, public_der: bytes) -> bytes:
    """Return the x coordinate of the shared point, as long as the curve's field."""
    public = _elliptic(public_der)
    if public.curve.name != private.curve.name:
        raise OtherCurve
    return private.exchange(ec.ECDH(), public)


def _elliptic(der: bytes) -> ec.EllipticCurvePublicKey:
    try:
        public = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        raise NotAPublicKey from None
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise NotAPublicKey
    return public

# SPDX-License-Identifier: Apache-2.0
"""Metadata of SAML providers, read without entities, document types or the network.

What counts is what AWS was recorded to take: a root that is an entity or a list of them, at least
one issuer of assertions among them, and certificates that are certificates. Dates are not looked
at, nor is a certificate missed.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cryptography import x509
from lxml import etree

from stockade.services.iam.errors import InvalidInput
from stockade.services.iam.server_keys import UNREADABLE

METADATA = "{urn:oasis:names:tc:SAML:2.0:metadata}"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}"
ROOTS = (f"{METADATA}EntityDescriptor", f"{METADATA}EntitiesDescriptor")


def check_metadata(document: str) -> None:
    """Raise where a document is not the metadata of an identity provider."""
    root = _parse(document)
    if root.tag not in ROOTS:
        raise _unreadable()
    for certificate in root.iter(f"{SIGNATURE}X509Certificate"):
        _check_certificate(certificate.text or "")
    if next(root.iter(f"{METADATA}IDPSSODescriptor"), None) is None:
        raise InvalidInput("SAML Providers must reference at least one SAML assertion issuer.")


def _parse(document: str) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False
    )
    try:
        root = etree.fromstring(document.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise _unreadable() from None
    if root.getroottree().docinfo.doctype:
        raise _unreadable()
    return root


def _check_certificate(text: str) -> None:
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
        x509.load_der_x509_certificate(der)
    except (*UNREADABLE, binascii.Error):
        raise _unreadable() from None


def _unreadable() -> InvalidInput:
    return InvalidInput("Could not parse metadata")

# SPDX-License-Identifier: Apache-2.0
"""A SAML identity provider: metadata, and responses that it really signs."""

from __future__ import annotations

import base64
import datetime as dt
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod
from signxml.signer import XMLSigner

from tests.services.sts.issuer import rsa_key

ENTITY = "https://idp.example.com/saml"
SIGN_IN = "https://signin.aws.amazon.com/saml"
ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
A = "{urn:oasis:names:tc:SAML:2.0:assertion}"

RESPONSE = """\
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r{id}" Version="2.0"
  IssueInstant="{issued}" Destination="https://signin.aws.amazon.com/saml">
<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{entity}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a{id}" Version="2.0"
  IssueInstant="{issued}">
<saml:Issuer>{entity}</saml:Issuer>
<saml:Subject>
<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData Recipient="{recipient}" NotOnOrAfter="{confirmed}"/>
</saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}">
<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>
</saml:Conditions>
<saml:AuthnStatement AuthnInstant="{issued}"{session}/>
<saml:AttributeStatement>{attributes}</saml:AttributeStatement>
</saml:Assertion></samlp:Response>"""


def instant(seconds: float = 0) -> str:
    """Return a moment so many seconds from now, as SAML writes it."""
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@cache
def certificate(whose: str) -> x509.Certificate:
    """Return somebody's certificate, long expired: IAM does not mind."""
    key = rsa_key(whose)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, whose)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2021, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )


def metadata(*whose: str, entity: str = ENTITY) -> str:
    """Return the metadata of a provider that signs with these people's keys."""
    keys = "".join(
        '<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f"<ds:X509Data><ds:X509Certificate>{_der(each)}</ds:X509Certificate></ds:X509Data>"
        "</ds:KeyInfo></KeyDescriptor>"
        for each in whose
    )
    return (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">'
        '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f"{keys}</IDPSSODescriptor></EntityDescriptor>"
    )


def response(attributes: dict[str, str | list[str]], **more: Any) -> Any:
    """Return an unsigned response, parsed."""
    usual: dict[str, Any] = {
        "id": "1",
        "entity": ENTITY,
        "issued": instant(),
        "subject": "alice",
        "recipient": SIGN_IN,
        "confirmed": instant(300),
        "begins": instant(-60),
        "ends": instant(300),
        "audience": SIGN_IN,
        "session": "",
    }
    said = "".join(_attribute(name, value) for name, value in attributes.items())
    return etree.fromstring(RESPONSE.format(**(usual | more), attributes=said))


def sign(root: Any, whose: str = "idp", *, whole: bool = False) -> Any:
    """Sign the assertion of a response, or the whole of it."""
    target = root if whole else root.find(f"{A}Assertion")
    key: rsa.RSAPrivateKey = rsa_key(whose)
    signed = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    ).sign(
        target,
        key=key,
        cert=[certificate(whose)],
        reference_uri=target.get("ID"),
        id_attribute="ID",
    )
    if whole:
        return signed
    target.getparent().replace(target, signed)
    return root


def encode(root: Any) -> str:
    """Return a response as it is sent."""
    return base64.b64encode(etree.tostring(root)).decode()


def _attribute(name: str, value: str | list[str]) -> str:
    values = [value] if isinstance(value, str) else value
    inner = "".join(f"<saml:AttributeValue>{each}</saml:AttributeValue>" for each in values)
    return f'<saml:Attribute Name="{ATTRIBUTES}{name}">{inner}</saml:Attribute>'


def _der(whose: str) -> str:
    return base64.b64encode(certificate(whose).public_bytes(serialization.Encoding.DER)).decode()

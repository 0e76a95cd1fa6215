# SPDX-License-Identifier: Apache-2.0
"""From a SAML response to an assertion that is proven: whose, for whom, and not too old.

Only what the provider's own certificate signed is ever read: the verifier returns the signed bytes,
parsed anew, and everything else of the document is forgotten. So it does not matter what else an
attacker wraps around. Documents with a DTD are refused before anything of them is used. The times
are held against the host's clock, as AWS's five minutes from the assertion's making.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from stockade.services.sts.errors import ExpiredIdentityToken, InvalidIdentityToken

ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
METADATA = "{urn:oasis:names:tc:SAML:2.0:metadata}"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
AUDIENCES = frozenset({"https://signin.aws.amazon.com/saml", "urn:amazon:webservices"})
REDEEMED_WITHIN = timedelta(minutes=5)
LEEWAY = timedelta(minutes=5)
"""How far the clock of a provider may be ahead of ours."""
_METHODS = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_PLACES = ("./", f"./{ASSERTION}Assertion/")
"""Where a signature may stand: the response's own, or the assertion's."""


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """What a proven assertion says."""

    issuer: str
    subject: str
    subject_format: str
    recipient: str
    attributes: Mapping[str, tuple[str, ...]]
    session_ends: datetime | None
    """`SessionNotOnOrAfter`, after which the provider wants no session."""


def read(encoded: str, metadata: str, now: datetime) -> Assertion:
    """Return what a base64 response says, after checking everything about it."""
    issuer, certificates = _provider(metadata)
    proven = _proven(_response(encoded), certificates)
    said = _text_of(proven, f"{ASSERTION}Issuer")
    if said != issuer:
        raise InvalidIdentityToken("Issuer not present in specified provider")
    _check_conditions(proven, now)
    recipient = _confirmed(proven, now)
    name = proven.find(f"{ASSERTION}Subject/{ASSERTION}NameID")
    if name is None:
        raise InvalidIdentityToken("Response does not contain a subject.")
    statement = proven.find(f"{ASSERTION}AuthnStatement")
    ends = None if statement is None else statement.get("SessionNotOnOrAfter")
    return Assertion(
        issuer=said,
        subject=_text(name),
        subject_format=name.get("Format", ""),
        recipient=recipient,
        attributes=_attributes(proven),
        session_ends=None if ends is None else _moment(ends),
    )


def _response(encoded: str) -> Any:
    try:
        root = _parse(base64.b64decode("".join(encoded.split()), validate=True))
    except (binascii.Error, ValueError, etree.XMLSyntaxError):
        raise InvalidIdentityToken("Invalid base64 SAMLResponse") from None
    if root.tag != f"{PROTOCOL}Response":
        raise InvalidIdentityToken("Your request included an invalid SAML response.")
    return root


def _parse(document: bytes) -> Any:
    """Parse XML that may be hostile: no entities, no DTD, no network, no comments."""
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root = etree.fromstring(document, parser)
    if root.getroottree().docinfo.doctype or root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("a document with a DTD")
    return root


def _provider(metadata: str) -> tuple[str, list[x509.Certificate]]:
    """Return the name of an identity provider and the certificates that it signs with."""
    try:
        root = _parse(metadata.encode())
        found = [
            x509.load_der_x509_certificate(base64.b64decode("".join(_text(each).split())))
            for descriptor in root.iter(f"{METADATA}IDPSSODescriptor")
            for key in descriptor.findall(f"{METADATA}KeyDescriptor")
            if key.get("use") in (None, "signing")
            for each in key.iter(f"{SIGNATURE}X509Certificate")
        ]
    except (ValueError, etree.XMLSyntaxError):
        raise InvalidIdentityToken("Could not parse metadata") from None
    entity = next(root.iter(f"{METADATA}EntityDescriptor"), None)
    return "" if entity is None else entity.get("entityID", ""), found


def _proven(response: Any, certificates: list[x509.Certificate]) -> Any:
    """Return the one assertion that a signature of the provider covers."""
    for certificate in certificates:
        for place in _PLACES:
            signed = _signed(response, certificate, place)
            if signed is not None:
                return _assertion_in(signed)
    raise InvalidIdentityToken("Response signature invalid")


def _signed(response: Any, certificate: x509.Certificate, place: str) -> Any:
    """Return what a signature covers, parsed from the signed bytes, or None if it does not hold.

    IAM does not look at when a provider's certificate expires, and neither do we.
    """
    config = SignatureConfiguration(
        location=place,
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        ignore_ambiguous_key_info=True,
        verification_time=certificate.not_valid_before_utc,
    )
    try:
        result = XMLVerifier().verify(
            response, x509_cert=certificate, expect_config=config, id_attribute="ID"
        )
        return None if isinstance(result, list) else _parse(result.signed_data)
    except (SignXMLException, ValueError, TypeError, etree.LxmlError):
        return None


def _assertion_in(signed: Any) -> Any:
    found = (
        [signed]
        if signed.tag == f"{ASSERTION}Assertion"
        else signed.findall(f"{ASSERTION}Assertion")
        if signed.tag == f"{PROTOCOL}Response"
        else []
    )
    if len(found) != 1:
        raise InvalidIdentityToken("Response signature invalid")
    return found[0]


def _check_conditions(assertion: Any, now: datetime) -> None:
    made = assertion.get("IssueInstant")
    if made is None or now - _moment(made) > REDEEMED_WITHIN:
        raise ExpiredIdentityToken("Token must be redeemed within 5 minutes of issuance")
    conditions = assertion.find(f"{ASSERTION}Conditions")
    wanted = "Response does not contain the required audience."
    if conditions is None:
        raise InvalidIdentityToken(wanted)
    begins, ends = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
    starts = max(_moment(made), _moment(begins) if begins else _moment(made))
    if starts - now > LEEWAY:
        raise InvalidIdentityToken("Token is not yet valid")
    if ends is not None and _moment(ends) <= now:
        raise ExpiredIdentityToken("Token must be redeemed within 5 minutes of issuance")
    restrictions = conditions.findall(f"{ASSERTION}AudienceRestriction")
    named = [{_text(each) for each in one.iter(f"{ASSERTION}Audience")} for one in restrictions]
    if not named or not all(audiences & AUDIENCES for audiences in named):
        raise InvalidIdentityToken(wanted)


def _confirmed(assertion: Any, now: datetime) -> str:
    """Return for whom a bearer may show the assertion, where one of its confirmations holds."""
    late = False
    for confirmation in assertion.iterfind(f"{ASSERTION}Subject/{ASSERTION}SubjectConfirmation"):
        data = confirmation.find(f"{ASSERTION}SubjectConfirmationData")
        if confirmation.get("Method") != BEARER or data is None:
            continue
        recipient, ends = data.get("Recipient", ""), data.get("NotOnOrAfter")
        if not _is_sign_in(recipient) or ends is None:
            continue
        if _moment(ends) > now:
            return str(recipient)
        late = True
    if late:
        raise ExpiredIdentityToken("Token must be redeemed within 5 minutes of issuance")
    raise InvalidIdentityToken("Response does not contain the required recipient.")


def _is_sign_in(recipient: str) -> bool:
    """Return whether an address is AWS's for signing in, of one Region or of all."""
    host, _, path = recipient.removeprefix("https://").partition("/")
    region, dot, rest = host.partition(".")
    regional = bool(dot) and rest == "signin.aws.amazon.com" and region.replace("-", "").isalnum()
    known = host == "signin.aws.amazon.com" or regional
    return recipient.startswith("https://") and known and path.split("/")[0] == "saml"


def _attributes(assertion: Any) -> Mapping[str, tuple[str, ...]]:
    said: dict[str, tuple[str, ...]] = {}
    for attribute in assertion.iterfind(f"{ASSERTION}AttributeStatement/{ASSERTION}Attribute"):
        name = attribute.get("Name", "")
        said[name] = (*said.get(name, ()), *_values(attribute))
    return said


def _values(attribute: Any) -> Iterator[str]:
    for value in attribute.iterfind(f"{ASSERTION}AttributeValue"):
        yield _text(value)


def _text_of(element: Any, path: str) -> str:
    found = element.find(path)
    return "" if found is None else _text(found)


def _text(element: Any) -> str:
    """Return all the text of an element, so that nothing in between can cut it short."""
    return "".join(element.itertext()).strip()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidIdentityToken("Your request included an invalid SAML response.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

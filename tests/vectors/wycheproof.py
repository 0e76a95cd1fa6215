# SPDX-License-Identifier: Apache-2.0
"""Project Wycheproof's vectors held against KMS: keys imported, operations called, compared.

Secret and private keys come in through ImportKeyMaterial, but those of ML-DSA, which AWS takes from
nobody: they are put in place. So is a public key where the vectors have nothing else; it stands for
a private one, which Verify never asks for.

What KMS's limits keep out is counted under the name of the limit.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stockade.app import Stockade
from stockade.core.ids import system_random, uuid_of
from stockade.crypto import keypairs
from stockade.services.kms import envelope, policies, pool
from stockade.services.kms.import_formats import HMAC_SIZES
from stockade.services.kms.resources import KEYS, MATERIALS, Key, Material, material_place
from stockade.store.resources import Scope
from stockade.testing.transport import session
from tests.services.kms.imports import OAEP, RSA_AES, bring

ACCOUNT, REGION = "000000000000", "us-east-1"
SCOPE = Scope(ACCOUNT, REGION)
_DEFAULT = Path(__file__).parents[2] / "../shared/vectors"
FOLDER = Path(os.environ.get("STOCKADE_VECTORS", _DEFAULT)) / "wycheproof"

EMPTY = "KMS takes no empty message"
HASH = "KMS has no such hash with this kind of key"
MGF = "KMS's MGF1 uses the hash of the padding"
KEY = "no KMS key has such a key"
SIZE = "KMS has no keys of this size, or takes none from outside"

CURVES: Mapping[str, str] = MappingProxyType(
    {
        "secp256r1": "ECC_NIST_P256",
        "secp384r1": "ECC_NIST_P384",
        "secp521r1": "ECC_NIST_P521",
        "secp256k1": "ECC_SECG_P256K1",
    }
)


class Outcome(NamedTuple):
    """What became of the cases of a file."""

    ran: Counter[str]
    skipped: Counter[str]
    wrong: list[str]


class PublicHalf:
    """Stands where a private key would: nobody has the one that belongs to the public key."""

    def __init__(self, der: bytes) -> None:
        self._public = load_der_public_key(der)

    def public_key(self) -> Any:
        return self._public


class Deployment:
    """A deployment in this process whose keys hold what the vectors say."""

    def __init__(self) -> None:
        self.app = Stockade.in_memory(account=ACCOUNT, region=REGION)
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self._wrapping = keypairs.generate("RSA_2048")
        self.kms: Any = session(self.app, region=REGION).client("kms", config=config)

    def imported(self, spec: str, usage: str, material: bytes) -> str:
        """Import a key and return its id; the wrapping key is made ahead."""
        with self.app.store.write() as unit:
            pool.add(unit, self.app.vault, system_random, "RSA_2048", self._wrapping)
        made = self.kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
        key_id = str(made["KeyMetadata"]["KeyId"])
        bring(self.kms, key_id, material, OAEP if spec.startswith("HMAC") else RSA_AES)
        return key_id

    def placed(self, spec: str, secret: bytes) -> str:
        """Put a signing key in place and return its id."""
        key_id = uuid_of(system_random(16))
        material_id = envelope.material_id(secret, key_id)
        now = datetime.now(UTC)
        with self.app.store.write() as unit:
            sealed = self.app.vault.seal(unit, SCOPE, material_place(material_id), secret)
            material = Material(material_id=material_id, key_id=key_id, created=now, sealed=sealed)
            key = Key(
                key_id=key_id,
                account=ACCOUNT,
                region=REGION,
                created=now,
                policy=policies.default_policy(ACCOUNT),
                key_spec=spec,
                key_usage="SIGN_VERIFY",
                material_id=material_id,
            )
            unit.put(MATERIALS, SCOPE, material)
            unit.put(KEYS, SCOPE, key)
        return key_id


def load_half(secret: bytes) -> Any:
    """Read back what `Deployment.placed` was given: a private key, or a public one."""
    try:
        return PublicHalf(secret)
    except (ValueError, UnsupportedAlgorithm):
        return _load_private(secret)


_load_private = keypairs.load_private


def groups(name: str) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the groups of a file with their cases."""
    for group in json.loads((FOLDER / name).read_bytes())["testGroups"]:
        yield group, group["tests"]


class Run:
    """The cases of one file."""

    def __init__(self, deployment: Deployment, name: str) -> None:
        self.deployment = deployment
        self.kms = deployment.kms
        self.name = name
        self.outcome = Outcome(Counter(), Counter(), [])

    def skip(self, limit: str, count: int = 1) -> None:
        self.outcome.skipped[limit] += count

    def note(self, case: Any, *, accepted: bool, due: str | None = None) -> None:
        """Compare what KMS did with what the vectors say."""
        expected = due or case["result"]
        self.outcome.ran[expected] += 1
        if expected != "acceptable" and accepted != (expected == "valid"):
            self.outcome.wrong.append(f"{self.name} {case['tcId']} {case['comment']}: {accepted=}")

    def call(self, operation: str, **arguments: Any) -> Any:
        """Return KMS's answer, or None where it refuses what it was given."""
        try:
            return getattr(self.kms, operation)(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
            return None

    def verifies(self, key: str, algorithm: str, message: bytes, kind: str, sig: bytes) -> bool:
        answer = self.call(
            "verify",
            KeyId=key,
            Message=message,
            MessageType=kind,
            Signature=sig,
            SigningAlgorithm=algorithm,
        )
        return answer is not None and answer["SignatureValid"] is True


REFUSALS = frozenset(
    {
        "InvalidCiphertextException",
        "KMSInvalidMacException",
        "KMSInvalidSignatureException",
        "ValidationException",
    }
)


def hashed_signatures(run: Run, spec_of: Any, algorithm_of: Any) -> None:
    """ECDSA and RSA: messages that KMS does not take raw are given as digests."""
    for group, cases in groups(run.name):
        spec, algorithm = spec_of(group), algorithm_of(group)
        if spec is None or algorithm is None:
            run.skip(HASH if spec else SIZE, len(cases))
            continue
        key = run.deployment.placed(spec, bytes.fromhex(group["publicKeyDer"]))
        for case in cases:
            message, kind = bytes.fromhex(case["msg"]), "RAW"
            if not 1 <= len(message) <= 4096:
                message, kind = digest(group["sha"], message), "DIGEST"
            accepted = run.verifies(key, algorithm, message, kind, bytes.fromhex(case["sig"]))
            run.note(case, accepted=accepted)


def digest(sha: str, message: bytes) -> bytes:
    return hashlib.new(sha.replace("-", "").lower(), message).digest()


def bits(sha: str) -> str | None:
    """Return the number in an algorithm's name for a hash that KMS has."""
    number = sha.removeprefix("SHA-")
    return number if number in ("256", "384", "512") else None


def rsa_spec(group: Any) -> str | None:
    return f"RSA_{group['keySize']}" if group["keySize"] in (2048, 3072, 4096) else None


def ecdsa(run: Run) -> None:
    hashed_signatures(
        run,
        lambda group: CURVES[group["publicKey"]["curve"]],
        lambda group: f"ECDSA_SHA_{bits(group['sha'])}",
    )


def rsa_pkcs1(run: Run) -> None:
    hashed_signatures(run, rsa_spec, lambda group: f"RSASSA_PKCS1_V1_5_SHA_{bits(group['sha'])}")


def rsa_pss(run: Run) -> None:
    hashed_signatures(run, rsa_spec, lambda group: f"RSASSA_PSS_SHA_{bits(group['sha'])}")


def rsa_pkcs1_sign(run: Run) -> None:
    """Sign: the scheme is deterministic, so the signature has to be the same byte by byte."""
    for group, cases in groups(run.name):
        spec, number = rsa_spec(group), bits(group["sha"])
        if spec is None or number is None:
            run.skip(HASH if spec else SIZE, len(cases))
            continue
        secret = bytes.fromhex(group["privateKeyPkcs8"])
        key = run.deployment.imported(spec, "SIGN_VERIFY", secret)
        for case in cases:
            message, kind = bytes.fromhex(case["msg"]), "RAW"
            if not 1 <= len(message) <= 4096:
                message, kind = digest(group["sha"], message), "DIGEST"
            answer = run.call(
                "sign",
                KeyId=key,
                Message=message,
                MessageType=kind,
                SigningAlgorithm=f"RSASSA_PKCS1_V1_5_SHA_{number}",
            )
            same = answer is not None and answer["Signature"] == bytes.fromhex(case["sig"])
            run.note(case, accepted=same, due="valid")


def ed25519(run: Run) -> None:
    for group, cases in groups(run.name):
        der = bytes.fromhex(group["publicKeyDer"])
        key = run.deployment.placed("ECC_NIST_EDWARDS25519", der)
        for case in cases:
            message = bytes.fromhex(case["msg"])
            if not message:
                run.skip(EMPTY)
                continue
            sig = bytes.fromhex(case["sig"])
            run.note(case, accepted=run.verifies(key, "ED25519_SHA_512", message, "RAW", sig))


def hmac(run: Run) -> None:
    number = run.name.removeprefix("hmac_sha")[:3]
    spec, algorithm = f"HMAC_{number}", f"HMAC_SHA_{number}"
    keys: dict[bytes, str] = {}
    for group, cases in groups(run.name):
        for case in cases:
            secret, message = bytes.fromhex(case["key"]), bytes.fromhex(case["msg"])
            if len(secret) not in HMAC_SIZES[spec]:
                run.skip(SIZE)
                continue
            if not message:
                run.skip(EMPTY)
                continue
            if secret not in keys:
                keys[secret] = run.deployment.imported(spec, "GENERATE_VERIFY_MAC", secret)
            key = keys[secret]
            how = {"KeyId": key, "Message": message, "MacAlgorithm": algorithm}
            tag = bytes.fromhex(case["tag"])
            answer = run.call("verify_mac", Mac=tag, **how)
            whole = group["tagSize"] == int(number)
            due = case["result"] if whole else "invalid"  # a shortened MAC is none of KMS's
            run.note(case, accepted=answer is not None and answer["MacValid"], due=due)
            if case["result"] == "valid":
                mac = run.call("generate_mac", **how)["Mac"]
                run.note(case, accepted=mac[: len(tag)] == tag)


def ml_dsa_verify(run: Run) -> None:
    number = run.name.split("_")[1]
    for group, cases in groups(run.name):
        try:
            der = bytes.fromhex(group["publicKeyDer"])
            load_der_public_key(der)
        except (KeyError, ValueError):
            run.skip(KEY, len(cases))
            continue
        key = run.deployment.placed(f"ML_DSA_{number}", der)
        for case in cases:
            ml_dsa_case(run, key, case)


def ml_dsa_sign(run: Run) -> None:
    """Sign and Verify: KMS signs with randomness, the vectors without, and both are good."""
    number = run.name.split("_")[1]
    for group, cases in groups(run.name):
        secret = group.get("privateKeyPkcs8")
        try:
            keypairs.load_private(bytes.fromhex(secret or ""))
        except ValueError:
            run.skip(KEY, len(cases))
            continue
        key = run.deployment.placed(f"ML_DSA_{number}", bytes.fromhex(secret))
        for case in cases:
            ml_dsa_case(run, key, case)
            if case["result"] != "valid" or case.get("ctx"):
                continue
            for message, kind in ml_dsa_forms(case):
                how = {"KeyId": key, "Message": message, "MessageType": kind}
                answer = run.call("sign", SigningAlgorithm="ML_DSA_SHAKE_256", **how)
                sig = answer["Signature"]
                good = run.verifies(key, "ML_DSA_SHAKE_256", message, kind, sig)
                run.note(case, accepted=good)


def ml_dsa_case(run: Run, key: str, case: Any) -> None:
    """Verify one signature in each form; KMS signs without a context."""
    forms = ml_dsa_forms(case)
    if not forms:
        run.skip(EMPTY)
    for message, kind in forms:
        foreign = bool(case.get("ctx")) and kind == "RAW"
        due = "invalid" if foreign else case["result"]
        sig = bytes.fromhex(case.get("sig", ""))
        accepted = run.verifies(key, "ML_DSA_SHAKE_256", message, kind, sig)
        run.note(case, accepted=accepted, due=due)


def ml_dsa_forms(case: Any) -> list[tuple[bytes, str]]:
    """Return message and representative of a case, as far as it has them and KMS takes them."""
    forms = [(bytes.fromhex(case["msg"]), "RAW")] if case.get("msg") else []
    if case.get("mu"):
        forms.append((bytes.fromhex(case["mu"]), "EXTERNAL_MU"))
    return forms


def oaep(run: Run) -> None:
    for group, cases in groups(run.name):
        if group["mgfSha"] != group["sha"]:
            run.skip(MGF, len(cases))
            continue
        secret = bytes.fromhex(group["privateKeyPkcs8"])
        key = run.deployment.imported(f"RSA_{group['keySize']}", "ENCRYPT_DECRYPT", secret)
        for case in cases:
            answer = run.call(
                "decrypt",
                KeyId=key,
                CiphertextBlob=bytes.fromhex(case["ct"]),
                EncryptionAlgorithm=f"RSAES_OAEP_{group['sha'].replace('-', '_')}",
            )
            same = answer is not None and answer["Plaintext"] == bytes.fromhex(case["msg"])
            due = "invalid" if case["label"] else case["result"]  # KMS has no labels
            run.note(case, accepted=same, due=due)

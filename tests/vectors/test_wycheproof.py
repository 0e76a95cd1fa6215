# SPDX-License-Identifier: Apache-2.0
"""Project Wycheproof through the API: what it calls invalid is refused, what it calls valid is not.

7,645 answers are compared; 456 cases are kept out by limits of KMS, each under its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch

import pytest

from stockade.crypto import keypairs
from tests.vectors import wycheproof
from tests.vectors.wycheproof import EMPTY, HASH, KEY, MGF, SIZE

FORMS = {
    "ecdsa_*": wycheproof.ecdsa,
    "ed25519_*": wycheproof.ed25519,
    "hmac_*": wycheproof.hmac,
    "mldsa_*_verify_*": wycheproof.ml_dsa_verify,
    "mldsa_*_sign_*": wycheproof.ml_dsa_sign,
    "rsa_oaep_*": wycheproof.oaep,
    "rsa_pkcs1_*_sig_gen_*": wycheproof.rsa_pkcs1_sign,
    "rsa_pss_*": wycheproof.rsa_pss,
    "rsa_signature_*": wycheproof.rsa_pkcs1,
}
ELSEWHERE = {
    "aes_gcm_test.json": "KMS derives a key for every call and gives no tag or iv away",
    "aes_kwp_test.json": "wraps imported material: not an operation of its own",
    "aes_wrap_test.json": "KMS does not wrap without padding",
    "ecdh_secp256r1_test.json": "test_agreement_vectors.py has it",
    "ecdh_secp384r1_test.json": "test_agreement_vectors.py has it",
    "ecdh_secp521r1_test.json": "test_agreement_vectors.py has it",
    "hkdf_sha256_test.json": "KMS derives nothing with HKDF",
}
"""Files that have nothing for the operations here -> why."""
SKIPPED = {
    "ed25519_test.json": {EMPTY: 4},
    "hmac_sha224_test.json": {EMPTY: 55, SIZE: 12},
    "hmac_sha256_test.json": {EMPTY: 56, SIZE: 12},
    "hmac_sha384_test.json": {EMPTY: 58, SIZE: 6},
    "hmac_sha512_test.json": {EMPTY: 58, SIZE: 6},
    "mldsa_44_sign_seed_test.json": {KEY: 12},
    "mldsa_65_sign_seed_test.json": {KEY: 15},
    "mldsa_87_sign_seed_test.json": {KEY: 15},
    "mldsa_44_verify_test.json": {KEY: 4, EMPTY: 8},
    "mldsa_65_verify_test.json": {KEY: 4, EMPTY: 8},
    "mldsa_87_verify_test.json": {KEY: 4, EMPTY: 8},
    "rsa_oaep_2048_sha256_mgf1sha1_test.json": {MGF: 31},
    "rsa_oaep_3072_sha256_mgf1sha1_test.json": {MGF: 32},
    "rsa_oaep_4096_sha256_mgf1sha1_test.json": {MGF: 32},
    "rsa_pkcs1_2048_sig_gen_test.json": {HASH: 16},
}
"""How many cases of a file are kept out, by what; all cases of the other files are run."""


@pytest.fixture(scope="module")
def deployment() -> Iterator[wycheproof.Deployment]:
    """Yield one deployment for all files."""
    if not wycheproof.FOLDER.is_dir():
        pytest.skip("STOCKADE_VECTORS does not name the folder of the vectors")
    made = wycheproof.Deployment()
    yield made
    made.app.close()


def files() -> list[str]:
    return sorted(path.name for path in wycheproof.FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", [name for name in files() if name not in ELSEWHERE])
def test_no_wrong_answer(
    deployment: wycheproof.Deployment, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (check,) = (check for pattern, check in FORMS.items() if fnmatch(name, pattern))
    monkeypatch.setattr(keypairs, "load_private", wycheproof.load_half)
    run = wycheproof.Run(deployment, name)
    check(run)
    assert run.outcome.wrong == []
    assert dict(run.outcome.skipped) == SKIPPED.get(name, {})
    cases = sum(len(tests) for _, tests in wycheproof.groups(name))
    assert run.outcome.ran.total() + run.outcome.skipped.total() >= cases

# SPDX-License-Identifier: Apache-2.0
"""EnvelopedData: opened by independent readers, and laid out as AWS's recorded answer is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stockade.crypto import cms

KEY = rsa.generate_private_key(65_537, 2_048)
KEY_ID, CONTENT_KEY, IV = bytes(range(32)), bytes(range(32, 64)), bytes(range(16))


def made(plaintext: bytes) -> bytes:
    return cms.enveloped(KEY.public_key(), KEY_ID, plaintext, content_key=CONTENT_KEY, iv=IV)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32, 1024, 4096])
def test_opened_with_asn1crypto(size: int) -> None:
    asn1 = pytest.importorskip("asn1crypto.cms", reason="asn1crypto is not installed")
    plaintext = bytes(index % 251 for index in range(size))
    info = asn1.ContentInfo.load(made(plaintext), strict=True)
    assert info["content_type"].native == "enveloped_data"
    data = info["content"]
    assert data["version"].native == "v2"
    (recipient,) = data["recipient_infos"]
    chosen = recipient.chosen
    assert chosen["version"].native == "v2"
    assert chosen["rid"].name == "subject_key_identifier"
    assert chosen["rid"].native == KEY_ID
    algorithm = chosen["key_encryption_algorithm"]
    assert algorithm["algorithm"].native == "rsaes_oaep"
    assert algorithm["parameters"]["hash_algorithm"]["algorithm"].native == "sha256"
    mask = algorithm["parameters"]["mask_gen_algorithm"]
    assert mask["algorithm"].native == "mgf1"
    assert mask["parameters"]["algorithm"].native == "sha256"
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    assert KEY.decrypt(chosen["encrypted_key"].native, oaep) == CONTENT_KEY
    content = data["encrypted_content_info"]
    assert content["content_encryption_algorithm"]["algorithm"].native == "aes256_cbc"
    assert content["content_encryption_algorithm"]["parameters"].native == IV
    decryptor = Cipher(AES256(CONTENT_KEY), CBC(IV)).decryptor()
    unpadder = PKCS7(128).unpadder()
    padded = decryptor.update(content["encrypted_content"].native) + decryptor.finalize()
    assert unpadder.update(padded) + unpadder.finalize() == plaintext


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to ask")
def test_opened_by_openssl(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "cms.der").write_bytes(made(b"attack at dawn"))
    command = "openssl cms -decrypt -binary -inform DER -in cms.der -inkey key.pem"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"attack at dawn"


def test_laid_out_as_aws_does() -> None:
    # The frame of an answer of AWS KMS that the Nitro Enclaves SDK holds its reader against.
    frame = (
        "308006092a864886f70d010703a0803080020102"
        "3182016b30820167020102"
        "8020" + "aa" * 32 +
        "303c06092a864886f70d010107302fa00f300d06096086480165030402010500"
        "a11c301a06092a864886f70d010108300d06096086480165030402010500"
        "04820100" + "bb" * 256 +
        "308006092a864886f70d010701"
        "301d060960864801650304012a0410" + "cc" * 16 +
        "a0800430" + "dd" * 48 +
        "00000000000000000000"
    )  # fmt: skip
    parts = (b"\xaa" * 32, b"\xbb" * 256, b"\xcc" * 16, b"\xdd" * 48)
    assert cms.encoded(*parts).hex() == frame

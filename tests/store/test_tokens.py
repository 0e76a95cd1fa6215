# SPDX-License-Identifier: Apache-2.0
"""Keys in PKCS#11 tokens, on SoftHSM 2."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stockade.crypto.aead import Tampered
from stockade.store import tokens
from stockade.store.token_uri import BadUri, TokenUri, parse_uri
from stockade.store.tokens import Token
from tests.softhsm import MODULE, PIN, SoftHsm

NONCE = bytes(range(12))
ID = b"0123456789abcdef"


@pytest.fixture
def token(softhsm: SoftHsm) -> Token:
    softhsm.make_token("Seals")
    return Token(TokenUri(module=MODULE, token="Seals"), PIN)


def test_what_a_key_encrypted_it_decrypts_and_nothing_else(token: Token) -> None:
    key = token.key("one", ID)
    assert not key.exists()
    key.generate()
    assert key.exists()
    assert token.key("one").read_id() == ID
    box = key.encrypt(NONCE, b"secret", b"context")
    assert len(box) == len(b"secret") + 16
    assert key.decrypt(NONCE, box, b"context") == b"secret"
    for nonce, changed, aad in (
        (NONCE, box, b"another"),
        (NONCE, box[:-1] + bytes([box[-1] ^ 1]), b"context"),
        (NONCE, box[:15], b"context"),
        (bytes(12), box, b"context"),
    ):
        with pytest.raises(Tampered):
            key.decrypt(nonce, changed, aad)
    assert key.decrypt(NONCE, box, b"context") == b"secret"


def test_the_ciphertext_is_aes_gcm(token: Token) -> None:
    """Two keys differ, the same key repeats: it is the key in the token that does it."""
    for label in ("one", "two"):
        token.key(label, label.encode()).generate()
    one, two = (token.key(label).encrypt(NONCE, b"secret", b"") for label in ("one", "two"))
    assert one != two
    assert token.key("one").encrypt(NONCE, b"secret", b"") == one


def test_a_key_never_leaves_its_token(token: Token) -> None:
    import pkcs11

    token.key("one", ID).generate()

    def attributes(session: tokens._Session) -> tuple[bool, bool, bool]:
        key = session.one("one", ID)
        with pytest.raises(pkcs11.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]
        names = (
            pkcs11.Attribute.SENSITIVE,
            pkcs11.Attribute.EXTRACTABLE,
            pkcs11.Attribute.NEVER_EXTRACTABLE,
        )
        return tuple(key[name] for name in names)

    assert token.run(attributes) == (True, False, True)


def test_a_destroyed_key_is_gone(token: Token) -> None:
    key = token.key("one", ID)
    key.generate()
    key.destroy()
    key.destroy()
    with pytest.raises(tokens.KeyMissing, match="no keys 'one'"):
        key.encrypt(NONCE, b"", b"")


def test_two_keys_of_one_name_are_no_key(token: Token) -> None:
    for key_id in (b"1", b"2"):
        token.key("one", key_id).generate()
    with pytest.raises(tokens.KeyMissing, match="2 keys 'one'"):
        token.key("one").encrypt(NONCE, b"", b"")
    token.key("one", b"2").encrypt(NONCE, b"", b"")


def test_the_wrong_pin_is_noticed_also_while_another_is_logged_in(token: Token) -> None:
    token.key("one", ID).generate()
    wrong = Token(TokenUri(module=MODULE, token="Seals"), "not the pin")
    with pytest.raises(tokens.PinRefused, match="the token Seals refuses the PIN"):
        wrong.check()
    assert token.key("one").exists()
    assert "not the pin" not in repr(wrong)


def test_what_is_not_there_is_said_to_be_missing(softhsm: SoftHsm, tmp_path: Path) -> None:
    softhsm.make_token("Seals")
    absent = Token(TokenUri(module=MODULE, token="Others"), PIN)
    with pytest.raises(tokens.TokenMissing, match="the token Others is not there"):
        absent.check()
    no_library = Token(TokenUri(module=str(tmp_path / "none.so"), token="Seals"), PIN)
    with pytest.raises(tokens.TokenMissing, match="cannot be used"):
        no_library.check()


def test_two_tokens_of_one_label_need_a_serial_number(softhsm: SoftHsm) -> None:
    softhsm.make_token("Seals")
    softhsm.make_token("Seals")
    with pytest.raises(tokens.TokenMissing, match="more than once") as caught:
        Token(TokenUri(module=MODULE, token="Seals"), PIN).check()
    assert "serial" in caught.value.hint


def test_a_token_that_was_restarted_is_logged_in_to_again(token: Token) -> None:
    import pkcs11

    token.key("one", ID).generate()
    box = token.key("one").encrypt(NONCE, b"secret", b"")
    token.run(lambda session: session.p11.close())
    assert token.key("one").decrypt(NONCE, box, b"") == b"secret"
    pkcs11.lib(MODULE).reinitialize()
    assert token.key("one").decrypt(NONCE, box, b"") == b"secret"


def test_many_threads_and_a_child_use_one_token(token: Token) -> None:
    key = token.key("one", ID)
    key.generate()
    boxes: list[bytes] = []

    def work() -> None:
        for number in range(20):
            box = key.encrypt(NONCE, b"%d" % number, b"")
            boxes.append(key.decrypt(NONCE, box, b""))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(boxes) == sorted([b"%d" % number for number in range(20)] * 4)
    expected = key.encrypt(NONCE, b"parent", b"")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, key.encrypt(NONCE, b"parent", b""))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == expected
    assert key.encrypt(NONCE, b"parent", b"") == expected
    for fd in (read, write):
        os.close(fd)


def test_without_the_package_it_says_how_to_get_it() -> None:
    program = (
        "import sys; sys.modules['pkcs11'] = None\n"
        "from stockade.store import tokens\n"
        "from stockade.store.token_uri import TokenUri\n"
        "try: tokens.Token(TokenUri(module='/x.so', token='t'), 'p').check()\n"
        "except tokens.TokenMissing as missing: print(missing.sentence, '|', missing.hint)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == (
        "PKCS#11 needs the package python-pkcs11 | pip install 'stockade[pkcs11]'\n"
    )


def test_uris_are_read_as_rfc_7512_has_them() -> None:
    uri = parse_uri(
        "pkcs11:token=My%20Seals;serial=0a1b;object=a%3Bb;id=%00%01;type=secret-key"
        "?module-path=/usr/lib/x.so&pin-source=file:/etc/pin%20file"
    )
    assert uri == TokenUri(
        module="/usr/lib/x.so",
        token="My Seals",
        serial="0a1b",
        object="a;b",
        id=b"\x00\x01",
        pin_file=Path("/etc/pin file"),
    )
    plain = parse_uri("pkcs11:serial=1?module-path=/m.so&pin-source=/etc/pin")
    assert plain.pin_file == Path("/etc/pin")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file:/x", "does not begin"),
        ("pkcs11:token=a", "module-path"),
        ("pkcs11:token=a?module-path=relative.so", "module-path"),
        ("pkcs11:?module-path=/m.so", "token=LABEL or serial"),
        ("pkcs11:token=a?module-path=/m.so&pin-value=1234", "a PIN does not belong"),
        ("pkcs11:token=a?module-path=/m.so&pin-source=|cat%20/etc/pin", "names a file"),
        ("pkcs11:token=a?module-path=/m.so&pin-source=https://pins/1", "names a file"),
        ("pkcs11:token=a;slot-id=1?module-path=/m.so", "slot-id is not understood"),
        ("pkcs11:token=a;token=b?module-path=/m.so", "twice"),
        ("pkcs11:token=a;type=private?module-path=/m.so", "secret-key"),
    ],
)
def test_other_uris_are_refused(text: str, reason: str) -> None:
    with pytest.raises(BadUri, match=reason):
        parse_uri(text)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import configparser
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.programs import PROGRAM, stockade

EVERYWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def _lines(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize("form", ["dotenv", "github"])
def test_lines_of_names_and_values(run: Run, form: str) -> None:
    assert _lines(run("env", "--format", form).out) == EVERYWHERE


def test_the_shell_ends_up_with_these_variables() -> None:
    for script in ('eval "$({} env)"', "eval $({} env)"):
        shell = ["sh", "-c", f"{script.format(PROGRAM)}; env"]
        ended = subprocess.run(shell, capture_output=True, text=True, check=True, timeout=30)
        assert EVERYWHERE.items() <= _lines(ended.stdout).items()


def test_what_would_lead_elsewhere_is_unset(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "from elsewhere")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "https://elsewhere")
    out = run("env").out
    for name in (
        "AWS_SESSION_TOKEN",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_ENDPOINT_URL_KMS",
    ):
        assert f"unset {name};" in out
    assert "Remove-Item Env:AWS_SESSION_TOKEN" in run("env", "--format", "powershell").out
    assert "set --erase AWS_SESSION_TOKEN;" in run("env", "--format", "fish").out
    assert "requests go to AWS itself" in run("env", "--format", "dotenv").err


def test_each_shell_is_quoted_in_its_own_way(run: Run) -> None:
    endpoint = ("--endpoint", "http://it's")
    assert """export AWS_ENDPOINT_URL='http://it'"'"'s';""" in run("env", *endpoint).out
    fish = run("env", "--format", "fish", *endpoint).out
    assert r"set --export --global AWS_ENDPOINT_URL 'http://it\'s';" in fish
    powershell = run("env", "--format", "powershell", *endpoint).out
    assert "$env:AWS_ENDPOINT_URL = 'http://it''s'" in powershell


def test_an_account_is_its_own_access_key_id(run: Run) -> None:
    out = run("env", "--format", "dotenv", "--account", "111122223333").out
    assert _lines(out)["AWS_ACCESS_KEY_ID"] == "111122223333"
    assert run("env", "--account", "12").err.startswith("stockade: error: invalid value")


def test_the_endpoint_of_the_environment_stands(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://stockade.example:443/")
    assert "export AWS_ENDPOINT_URL=https://stockade.example:443;" in run("env").out


def test_a_profile_has_what_the_aws_cli_reads(run: Run) -> None:
    profile = configparser.ConfigParser()
    profile.read_string(run("env", "--format", "profile").out)
    assert dict(profile["profile stockade"]) == {
        "endpoint_url": "http://127.0.0.1:4566",
        "region": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }


def test_a_profile_leaves_secrets_where_they_are(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    file = tmp_path / "root of all.json"
    file.write_text('{"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"hush"}')
    out = run("env", "--format", "profile", "--credentials-file", str(file)).out
    assert "hush" not in out
    (tmp_path / "config").write_text(out)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    session = boto3.Session(profile_name="stockade")
    assert session.get_credentials().access_key == "AKIAEXAMPLE"
    assert session.client("kms").meta.endpoint_url == "http://127.0.0.1:4566"


def test_credentials_of_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "root.json"
    file.write_text('{"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"a/b+c"}')
    out = run("env", "--credentials-file", str(file)).out
    assert "export AWS_ACCESS_KEY_ID=AKIAEXAMPLE;" in out
    assert "export AWS_SECRET_ACCESS_KEY=a/b+c;" in out


@pytest.mark.parametrize("content", [None, "", "{}", '{"Version":2,"AccessKeyId":"hush"}'])
def test_a_file_without_credentials_is_said(run: Run, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "root.json"
    if content is not None:
        file.write_text(content)
    ended = run("env", "--credentials-file", str(file))
    assert ended.status == 1
    assert "hush" not in ended.err
    says = "cannot be read" if content is None else "holds no credentials"
    assert says in ended.err


def test_exec_gives_the_environment_to_the_command() -> None:
    elsewhere = {
        "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": "x",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere",
        "KEPT": "yes",
    }
    ended = stockade("exec", "--", "env", environment=elsewhere)
    names = _lines(ended.out)
    assert EVERYWHERE.items() <= names.items()
    assert names["KEPT"] == "yes"
    assert not names.keys() & (elsewhere.keys() - {"KEPT"})
    assert ended.err == ""


def test_exec_warns_and_helps_where_endpoints_are_ignored() -> None:
    name = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
    ended = stockade("exec", "--", "env", environment={name: "true"})
    assert f"stockade: warning: {name} sends requests to AWS itself" in ended.err
    assert name not in ended.out


def test_exec_hands_options_and_the_exit_status_through() -> None:
    ended = stockade("exec", "sh", "-c", "echo $0 $1; exit 7", "--port", "-x")
    assert (ended.status, ended.out) == (7, "--port -x\n")


def test_exec_takes_no_unknown_option_for_a_command() -> None:
    ended = stockade("exec", "--acount", "111122223333", "--", "env")
    assert ended.status == 2
    assert "no such option '--acount'" in ended.err


def test_exec_of_what_is_not_there(tmp_path: Path) -> None:
    ended = stockade("exec", "--", "no-such-program")
    assert ended == (127, "", "stockade: error: there is no command 'no-such-program'\n")
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert stockade("exec", "--", str(plain)).status == 126


def test_fish_reads_what_is_printed() -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("fish is not installed")
    script = f"{PROGRAM} env --format fish | source; env"
    ended = subprocess.run([fish, "-c", script], capture_output=True, text=True, check=True)
    assert EVERYWHERE.items() <= _lines(ended.stdout).items()


def test_the_credential_process_form_is_exact() -> None:
    import msgspec

    from stockade.cli.credentials import KeyPair

    pair = KeyPair(access_key_id="AKIA", secret_access_key="hush")
    assert json.loads(msgspec.json.encode(pair)) == {
        "Version": 1,
        "AccessKeyId": "AKIA",
        "SecretAccessKey": "hush",
    }
    assert "hush" not in repr(pair)

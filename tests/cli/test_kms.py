# SPDX-License-Identifier: Apache-2.0
"""`stockade kms`: costs, prices, quotas."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stockade.app import Stockade
from stockade.config import Settings
from stockade.creation import create
from stockade.testing.transport import session
from tests.cli.conftest import Run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory with a key that was used."""
    settings = Settings(mode="dev", data=tmp_path / "data")
    create(settings, str)
    app = Stockade.open(settings, str)
    kms = session(app).client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(3):
        kms.encrypt(KeyId=key, Plaintext=b"a")
    app.close()
    assert settings.data is not None
    return settings.data


def test_costs_as_tables(run: Run, data: Path) -> None:
    ended = run("kms", "costs", "--data", str(data))
    assert (ended.status, ended.err) == (0, "")
    first, _, rest = ended.out.partition("\n")
    assert first.startswith(f"{datetime.now(UTC):%Y-%m}, until ")
    assert "SYMMETRIC_DEFAULT" in rest
    assert [line.split()[-2:] for line in rest.splitlines() if "Encrypt" in line] == [
        ["Encrypt", "3"]
    ]


def test_costs_as_json(run: Run, data: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(run("kms", "prices").out.replace("0.03", "300"))
    ended = run("kms", "costs", "--data", str(data), "--json", "--prices", str(prices))
    told = json.loads(ended.out)
    (row,) = told["rows"]
    assert row["operations"] == {"CreateKey": 1, "Encrypt": 3}
    assert row["requests_cost"] == pytest.approx(0.12)
    assert told["accounts"][0]["free_requests"] == 4
    assert told["accounts"][0]["total"] == pytest.approx(row["storage"])


def test_a_month_that_the_trail_does_not_reach(run: Run, data: Path) -> None:
    ended = run("kms", "costs", "--data", str(data), "--month", "2020-02")
    assert ended.status == 0
    assert "reaches back 90 days" in ended.err


@pytest.mark.parametrize("month", ["2026", "2026-13", "9999-01", "november"])
def test_a_month_that_is_none(run: Run, data: Path, month: str) -> None:
    ended = run("kms", "costs", "--data", str(data), "--month", month)
    assert ended.status == 2
    assert "--month" in ended.err


def test_prices_that_are_none(run: Run, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text("[")
    ended = run("kms", "costs", "--data", str(data), "--prices", str(path))
    assert ended.status == 1
    assert "is no file of prices" in ended.err
    assert "stockade kms prices" in ended.err


def test_the_figures_that_can_be_edited(run: Run) -> None:
    assert tomllib.loads(run("kms", "prices").out)["key_month"] == 1
    assert tomllib.loads(run("kms", "quotas").out)["quota"]

# SPDX-License-Identifier: Apache-2.0
"""The records of calls, as the tests of sessions read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from stockade.app import Stockade


def record_of(stockade: Stockade, answer: Any) -> dict[str, Any]:
    """Return the record of an answered call."""
    found: dict[str, Any] = json.loads(
        stockade.find_record(answer["ResponseMetadata"]["RequestId"]) or b"null"
    )
    return found


def record_of_refusal(stockade: Stockade, call: Any, **arguments: Any) -> dict[str, Any]:
    """Return the record of a call that is refused."""
    try:
        call(**arguments)
    except ClientError as error:
        return record_of(stockade, error.response)
    raise AssertionError("the call was not refused")

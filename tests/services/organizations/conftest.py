# SPDX-License-Identifier: Apache-2.0
"""An organization of the default account."""

from __future__ import annotations

import boto3
import pytest

from stockade.app import Stockade
from tests.services.organizations.helpers import Organization


@pytest.fixture
def organization(stockade: Stockade, aws: boto3.Session) -> Organization:
    return Organization(stockade, aws)

# SPDX-License-Identifier: Apache-2.0
"""The table of key specs against AWS's model."""

from __future__ import annotations

import botocore.session
import pytest

from stockade.services.kms.specs import ALGORITHMS_MEMBER, SPECS


@pytest.mark.fact("kms-14")
def test_table_and_model_list_the_same() -> None:
    model = botocore.session.get_session().get_service_model("kms")
    assert set(SPECS) == set(model.shape_for("KeySpec").enum)
    metadata = model.shape_for("KeyMetadata").members
    assert set(ALGORITHMS_MEMBER) == set(model.shape_for("KeyUsageType").enum)
    for usage, member in ALGORITHMS_MEMBER.items():
        table = {name for spec in SPECS.values() for name in spec.algorithms.get(usage, ())}
        assert table == set(metadata[member].member.enum)

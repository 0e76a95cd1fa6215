# SPDX-License-Identifier: Apache-2.0
"""What a grant covers, against the words of AWS's documents; and how it is filed."""

from __future__ import annotations

from datetime import UTC, datetime

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.services.kms import grant_rules
from stockade.services.kms.grant_resources import (
    CARRYING,
    Constraints,
    Grant,
    Party,
    filings,
    pairs,
    shape,
    subset_of,
)
from stockade.services.kms.granting import OPERATIONS, Asked, cover_of, filings_asked
from stockade.services.kms.resources import Key
from stockade.services.kms.specs import SPECS

NAMES, VALUES = st.sampled_from("abAB"), st.sampled_from("xyX")
CONTEXTS = st.dictionaries(NAMES, VALUES, max_size=4)
SOURCES = st.sampled_from(("", "arn:aws:s3:::one", "arn:aws:s3:::two"))
SETS = st.sets(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=4)
NONE = st.none()


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    """Return a grant to `AIDA`."""
    return Grant(
        grant_id="0" * 64,
        key_id="key",
        account="0" * 12,
        region="us-east-1",
        issuing_account="0" * 12,
        name="",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        grantee=Party(name="alice", id="AIDA"),
        retiring=None,
        operations=tuple(sorted(draw(SETS))),
        constraints=Constraints(
            equals=draw(NONE | CONTEXTS), subset=draw(NONE | CONTEXTS), source_arn=draw(SOURCES)
        ),
    )


@st.composite
def uses(draw: st.DrawFn) -> tuple[Asked, dict[str, str]]:
    """Return a use that is not a CreateGrant, and its encryption context."""
    operation = draw(st.sampled_from(sorted(OPERATIONS - {"CreateGrant"})))
    context = draw(CONTEXTS)
    return Asked(operation, pairs(context), source_arn=draw(SOURCES)), context


def allows(grant: Grant, asked: Asked, context: dict[str, str]) -> bool:
    """Tell in the words of the documents whether a grant allows a use."""
    if asked.operation not in grant.operations:
        return False
    constraints = grant.constraints
    if constraints.source_arn and constraints.source_arn != asked.source_arn:
        return False
    if asked.operation not in CARRYING:
        return True
    given_ = sorted((name.lower(), value) for name, value in context.items())
    if constraints.equals is not None:
        wanted = sorted((name.lower(), value) for name, value in constraints.equals.items())
        if wanted != given_:
            return False
    subset = constraints.subset or {}
    return all((name.lower(), value) in given_ for name, value in subset.items())


@given(grants(), uses())
def test_a_use_is_covered_as_documented(grant: Grant, use: tuple[Asked, dict[str, str]]) -> None:
    asked, context = use
    assert cover_of(grant).covers(asked) is allows(grant, asked, context)


def made_by(child: Grant, source_arn: str) -> Asked:
    """Return the request to make a grant."""
    constraints = child.constraints
    exact = constraints.equals is not None
    context = constraints.equals if constraints.equals is not None else constraints.subset
    made = (frozenset(child.operations), constraints.source_arn)
    return Asked("CreateGrant", pairs(context or {}), exact, source_arn, made)


@given(grants(), grants(), uses())
def test_what_a_grant_lets_make_allows_nothing_more(
    parent: Grant, child: Grant, use: tuple[Asked, dict[str, str]]
) -> None:
    asked, context = use
    if cover_of(parent).covers(made_by(child, asked.source_arn)) and asked.operation in CARRYING:
        assert allows(parent, asked, context) or not allows(child, asked, context)


@given(grants(), st.one_of(uses().map(lambda use: use[0]), st.builds(made_by, grants(), SOURCES)))
def test_what_covers_a_use_is_found_by_it_and_nothing_else(grant: Grant, asked: Asked) -> None:
    shapes = [shape(subset_of(grant.constraints))]
    found = set(filings(grant)) & set(filings_asked("AIDA", asked, shapes))
    if asked.made is None:
        assert bool(found) is cover_of(grant).covers(asked)
    else:
        assert found or not cover_of(grant).covers(asked)
    assert not set(filings(grant)) & set(filings_asked("AIDB", asked, shapes))


def test_operations_are_those_of_the_model() -> None:
    model = botocore.session.get_session().get_service_model("kms")
    assert set(model.shape_for("GrantOperation").enum) == OPERATIONS
    named = (
        model.operation_model(name).input_shape
        for name in model.operation_names
        if name in OPERATIONS
    )
    carrying = {
        shape.name.removesuffix("Request")
        for shape in named
        if "EncryptionContext" in shape.members
    }
    re_encrypt = {"ReEncryptFrom", "ReEncryptTo"}
    assert carrying | re_encrypt | {"CreateGrant"} == CARRYING


def test_every_operation_can_be_granted_on_some_key() -> None:
    keys = [
        Key(
            key_id="k",
            account="a",
            region="r",
            created=datetime(2026, 1, 1, tzinfo=UTC),
            policy="",
            key_spec=spec.name,
            key_usage=usage,
        )
        for spec in SPECS.values()
        for usage in spec.algorithms
    ]
    everything = set().union(*map(grant_rules.supported, keys))
    assert everything == OPERATIONS
    for key in keys:
        usable = grant_rules.supported(key)
        assert ("GenerateDataKey" in usable) is (key.key_spec == "SYMMETRIC_DEFAULT")
        assert ("Sign" in usable) is (key.key_usage == "SIGN_VERIFY")


@pytest.mark.parametrize("operation", ["DescribeKey", "RetireGrant"])
def test_management_goes_with_every_key(operation: str) -> None:
    assert operation in OPERATIONS - CARRYING

# SPDX-License-Identifier: Apache-2.0
"""CloudTrail's errors: all of them HTTP 400."""

from __future__ import annotations

from stockade.core.errors import AwsError


class InvalidLookupAttributesException(AwsError):
    """More than one attribute, or a value that the attribute does not have."""

    code = "InvalidLookupAttributesException"


class InvalidTimeRangeException(AwsError):
    """A range of time that ends before it begins."""

    code = "InvalidTimeRangeException"


class InvalidMaxResultsException(AwsError):
    """A page size outside of 1 to 50."""

    code = "InvalidMaxResultsException"


class InvalidNextTokenException(AwsError):
    """A token that no answer to this very lookup gave."""

    code = "InvalidNextTokenException"

# SPDX-License-Identifier: Apache-2.0
"""Where statements stand, as the recorded answers of AWS's simulator have it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stockade.policy.positions import Position, Span, statement_spans

DYNAMODB = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


def line(start: int, end: int) -> Span:
    return Span(Position(1, start), Position(1, end))


def test_a_statement_without_a_list() -> None:
    """The example of the AWS CLI's manual."""
    assert statement_spans(DYNAMODB) == (line(38, 167),)


def test_the_first_of_a_list() -> None:
    """Recorded of boto3: a document written by `json.dumps` begins its first at column 41."""
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert statement_spans(text) == (line(41, 41 + len(json.dumps(statement))),)


def test_a_comma_belongs_to_the_statement_that_follows() -> None:
    text = '{"Id":"a,\\"]","Statement":[{"Sid":"}]"},{"Sid":"b"} , {"Sid":"c"}]}'
    spans = statement_spans(text)
    shown = [text[span.start.column - 1 : span.end.column - 1] for span in spans]
    assert shown == ['{"Sid":"}]"}', ',{"Sid":"b"}', ' , {"Sid":"c"}']


def test_lines_are_counted() -> None:
    text = json.dumps({"Statement": [{"Sid": "a"}, {"Sid": "b"}]}, indent=2)
    assert statement_spans(text) == (
        Span(Position(2, 17), Position(5, 6)),
        Span(Position(5, 6), Position(8, 6)),
    )


def test_whatever_comes_before_is_skipped() -> None:
    text = ' {"Version" : "x", "Id":{"Statement":[1]} , "Statement" : [ {"a":1} ] , "z":1}'
    (span,) = statement_spans(text)
    assert text[span.start.column - 1 : span.end.column - 1] == ' {"a":1}'
    assert statement_spans('{"Version":"x"}') == ()


_TEXTS = st.text(alphabet='ab{}[],:"\\ \n\u00e9', max_size=8)


@given(
    statements=st.lists(st.dictionaries(_TEXTS, st.lists(_TEXTS, max_size=3)), min_size=1),
    before=st.dictionaries(_TEXTS, st.recursive(_TEXTS, st.lists), max_size=2),
    indent=st.sampled_from((None, 0, 1, "\t")),
    separators=st.sampled_from(((",", ":"), (" , ", " : "))),
)
def test_every_span_holds_its_statement(
    statements: list[Any], before: dict[str, Any], indent: Any, separators: Any
) -> None:
    text = json.dumps({**before, "Statement": statements}, indent=indent, separators=separators)
    lines = text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    found = []
    for span in statement_spans(text):
        start, end = (starts[place.line - 1] + place.column - 1 for place in span)
        found.append(json.loads(text[start:end].lstrip(", \t\n")))
    assert found == statements

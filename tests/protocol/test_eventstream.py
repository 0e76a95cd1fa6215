# SPDX-License-Identifier: Apache-2.0
"""Frames of event streams, held against botocore's reader, and streams by the model."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.protocol.catalogue import Catalogue, ServiceEntry, WireOperation
from stockade.protocol.eventstream import Byte, Frame, Long, Short, encode, frames
from stockade.protocol.http import HttpRequest
from stockade.protocol.json import JSON_1_1
from stockade.protocol.malformed import SerializationFailure
from stockade.protocol.rest_json import REST_JSON
from stockade.protocol.rest_xml import S3

_NAMES = st.text(min_size=1, max_size=20).filter(lambda text: len(text.encode()) < 256)
_MOMENTS = st.integers(0, 4 * 10**12).map(
    lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)
_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**7), 2**7 - 1).map(Byte),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.binary(max_size=100),
    st.text(max_size=100),
    _MOMENTS,
    st.uuids(),
)
_HEADERS = st.dictionaries(_NAMES, _VALUES, max_size=8)


class Drop:
    """A body that arrives byte by byte."""

    def __init__(self, body: bytes) -> None:
        self._body = BytesIO(body)

    def read(self, size: int, /) -> bytes:
        return self._body.read(min(size, 1))


@settings(deadline=None)
@given(headers=_HEADERS, payload=st.binary(max_size=300))
def test_frames_survive(headers: dict[str, Any], payload: bytes) -> None:
    raw = encode(headers, payload)
    assert list(frames(Drop(raw + raw))) == [Frame(headers, payload)] * 2


@settings(deadline=None)
@given(headers=_HEADERS, payload=st.binary(max_size=300))
def test_botocore_reads_the_same(headers: dict[str, Any], payload: bytes) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(encode(headers, payload))
    (message,) = list(buffer)
    theirs = {
        name: int((value.timestamp() * 1000) + 0.5) if isinstance(value, datetime)
        else value.bytes if isinstance(value, UUID) else value
        for name, value in headers.items()
    }  # fmt: skip
    assert message.payload == payload
    assert message.headers == theirs


@settings(deadline=None)
@given(
    raw=_HEADERS.map(lambda headers: encode(headers, b"payload")),
    place=st.integers(0, 10**6),
    bit=st.integers(0, 7),
)
def test_a_flipped_bit_is_noticed(raw: bytes, place: int, bit: int) -> None:
    broken = bytearray(raw)
    broken[place % len(raw)] ^= 1 << bit
    with pytest.raises(SerializationFailure):
        list(frames(BytesIO(bytes(broken))))


@settings(deadline=None)
@given(raw=st.binary(max_size=200), cut=st.integers(1, 40))
def test_garbage_and_half_frames_are_refused(raw: bytes, cut: int) -> None:
    whole = encode({"a": "b"}, b"payload")
    for bad in (raw or b"x", whole[: min(cut, len(whole) - 1)]):
        with pytest.raises(SerializationFailure):
            list(frames(BytesIO(bad)))


def _operation(entry: ServiceEntry, name: str) -> WireOperation:
    service = Catalogue([entry]).service(entry.name)
    assert service is not None
    operation = service.operation(name)
    assert operation is not None
    return operation


def test_a_rest_xml_stream_is_sent_event_by_event() -> None:
    select = _operation(ServiceEntry("s3", "s3", None, s3_style=True), "SelectObjectContent")
    made = []
    sent: list[dict[str, Any]] = [
        {"Records": {"Payload": b"a,b"}},
        {"Stats": {"Details": {"BytesScanned": 3}}},
        {"End": {}},
    ]

    def events() -> Any:
        for event in sent:
            made.append(event)
            yield event

    response = S3.render(select, {"Payload": events()}, "an-id")
    assert dict(response.headers)[b"content-type"] == b"application/vnd.amazon.eventstream"
    assert response.stream is not None
    first = next(response.stream)
    assert len(made) == 1
    (frame,) = frames(BytesIO(first))
    assert frame.payload == b"a,b"
    assert frame.headers == {
        ":message-type": "event",
        ":event-type": "Records",
        ":content-type": "application/octet-stream",
    }
    stats, end = frames(BytesIO(b"".join(response.stream)))
    assert b"<BytesScanned>3</BytesScanned>" in stats.payload
    assert (end.headers[":event-type"], end.payload) == ("End", b"")


def test_an_rpc_stream_begins_with_what_is_not_an_event() -> None:
    entry = ServiceEntry("kinesis", "kinesis", "Kinesis_20131202")
    subscribe = _operation(entry, "SubscribeToShard")
    event = {
        "SubscribeToShardEvent": {
            "Records": [],
            "ContinuationSequenceNumber": "1",
            "MillisBehindLatest": 0,
        }
    }
    gone = {"ResourceNotFoundException": {"message": "No."}}
    response = JSON_1_1.render(subscribe, {"EventStream": iter([event, gone])}, "an-id")
    assert response.stream is not None
    first, second, third = frames(BytesIO(b"".join(response.stream)))
    assert (first.headers[":event-type"], first.payload) == ("initial-response", b"{}")
    assert json.loads(second.payload)["ContinuationSequenceNumber"] == "1"
    assert third.headers[":message-type"] == "exception"
    assert third.headers[":exception-type"] == "ResourceNotFoundException"


def test_events_of_a_request_are_read_as_they_arrive() -> None:
    entry = ServiceEntry("lexv2-runtime", "lex", None)
    converse = _operation(entry, "StartConversation")
    kind = {":message-type": "event", ":event-type": "TextInputEvent"}
    unknown = {":message-type": "event", ":event-type": "Unheard"}
    body = (
        encode(kind, b'{"text": "hello"}')
        + encode(unknown, b"")
        + encode({":message-type": "x"}, b"")
    )
    path = b"/bots/ABCDEFGHIJ/botAliases/TSTALIASID/botLocales/en_US/sessions/user1/conversation"
    http = HttpRequest(method="POST", raw_path=path, stream=Drop(body))
    params = REST_JSON.read(http, converse)
    events = params.pop("requestEventStream")
    assert params["botId"] == "ABCDEFGHIJ"
    assert next(events) == {"TextInputEvent": {"text": "hello"}}
    with pytest.raises(SerializationFailure):
        next(events)


def test_an_event_that_the_model_lacks_is_a_bug() -> None:
    select = _operation(ServiceEntry("s3", "s3", None), "SelectObjectContent")
    strange: list[dict[str, Any]] = [{"Nope": {}}, {"End": {"Nope": 1}}, {"End": {}, "Cont": {}}]
    for event in strange:
        response = S3.render(select, {"Payload": iter([event])}, "an-id")
        assert response.stream is not None
        with pytest.raises(TypeError):
            list(response.stream)


_RECORDED = (
    "AAAAbAAAAFPLgkVrDTptZXNzYWdlLXR5cGUHAAVldmVudAs6ZXZlbnQtdHlwZQcABVR5cGVBDTpjb250ZW50LXR5cGUH"
    "ABhhcHBsaWNhdGlvbi9vY3RldC1zdHJlYW1zb21lYnl0ZXMesj2H"
)


def test_a_frame_of_the_public_vectors_is_read() -> None:
    (frame,) = frames(BytesIO(b64decode(_RECORDED)))
    assert frame.payload == b"somebytes"
    assert frame.headers[":event-type"] == "TypeA"

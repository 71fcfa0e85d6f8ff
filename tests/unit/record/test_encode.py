"""How values are written: for every text, time and document there is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraisier.record import encode
from fraisier.record.eventrow import COLUMNS, event_row
from fraisier.vocabulary import Event, EventKind

ANY_TEXT = st.text(st.characters(), max_size=50)  # lone surrogates and NUL among them
ANY_DOCUMENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(max_size=5) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@given(ANY_TEXT)
def test_text_loses_only_what_a_database_refuses(value: str) -> None:
    written = encode.text(value)
    assert "\x00" not in written
    assert written.encode() == "".join(c for c in value if c != "\x00" and not "\ud800" <= c <= "\udfff").encode()


@given(ANY_DOCUMENT)
def test_every_document_is_strict_json_that_both_databases_take(value: object) -> None:
    written = encode.document(value)
    written.encode()
    json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert "\\u0000" not in written.replace("\\\\", "")


@given(
    st.dictionaries(ANY_TEXT, ANY_DOCUMENT | st.text("xé🚀", min_size=1_000, max_size=3_000), max_size=8),
    st.integers(2_500, 8_192),
)
def test_bounded_documents_are_bounded_and_always_the_same(value: dict[str, object], limit: int) -> None:
    written = encode.bounded(value, limit)
    assert len(written.encode()) <= limit
    assert written == encode.bounded(dict(value), limit)
    assert isinstance(json.loads(written), dict)


def test_a_document_that_contains_itself_has_an_end() -> None:
    endless: dict[str, object] = {"name": "x"}
    endless["again"] = endless
    assert json.loads(encode.document(endless))["again"]["name"] == "x"


def test_a_long_document_keeps_tails_and_says_that_it_was_trimmed() -> None:
    written = json.loads(encode.bounded({"text": "x" * 9_000 + "end", "rc": 1, "list": list(range(5_000))}))
    assert written["text"].endswith("end") and written["rc"] == 1 and written["_trimmed"] is True
    assert written["list"] == list(range(40))
    keys = json.loads(encode.bounded({f"key {number} {'x' * 100}": number for number in range(1_000)}))
    assert keys["_trimmed"] is True and len(keys["keys"]) == 40


@given(
    st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.just(UTC) | st.just(timezone(timedelta(hours=5, minutes=30))),
    )
)
def test_times_come_back_and_sort_as_text(at: datetime) -> None:
    written = encode.moment(at)
    assert encode.read_moment(written) == at and len(written) == 27
    assert (written < encode.moment(at + timedelta(microseconds=1))) is True


@given(st.floats(0, 4_000_000_000))
def test_seconds_since_the_epoch_are_the_same_moment(seconds: float) -> None:
    found = encode.read_moment(encode.moment(seconds))
    assert found is not None and abs(found.timestamp() - seconds) < 2e-6


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        encode.moment(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


@given(
    st.builds(
        Event,
        kind=st.sampled_from(EventKind),
        time=st.floats(0, 2e9),
        task=ANY_TEXT,
        host=ANY_TEXT,
        message=ANY_TEXT,
        result=st.dictionaries(ANY_TEXT, ANY_DOCUMENT, max_size=5),
    )
)
def test_every_event_becomes_a_row_that_can_be_written(event: Event) -> None:
    row = dict(zip(COLUMNS, event_row(event, fk_deployment=1, run="deploy", sequence=1), strict=True))
    for value in row.values():
        if isinstance(value, str):
            assert "\x00" not in value and value.encode() is not None


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (Event(EventKind.OK, 1.0), "ok"),
        (Event(EventKind.OK, 1.0, changed=True), "changed"),
        (Event(EventKind.FAILED, 1.0), "failed"),
        (Event(EventKind.FAILED, 1.0, ignored=True), "ignored"),
        (Event(EventKind.UNREACHABLE, 1.0), "unreachable"),
        (Event(EventKind.SKIPPED, 1.0), "skipped"),
        (Event(EventKind.TASK, 1.0), ""),
        (Event(EventKind.STATS, 1.0), ""),
    ],
)
def test_status_of_an_event(event: Event, status: str) -> None:
    assert (
        dict(zip(COLUMNS, event_row(event, fk_deployment=1, run="deploy", sequence=1), strict=True))["status"] == status
    )

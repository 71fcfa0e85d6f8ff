"""Moments by the clock: five fields and a zone, or a sentence that says what is wrong."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from fraisier.fraise_types.clock import ScheduleEntry

ENTRY: TypeAdapter[object] = TypeAdapter(ScheduleEntry)


@pytest.mark.parametrize(
    "written", ["0 3 * * *", "*/5 0-6 1,15 * mon-fri", {"cron": "0 3 * * *", "timezone": "Europe/Paris"}]
)
def test_five_fields_are_taken_alone_or_with_a_zone(written: object) -> None:
    assert ENTRY.validate_python(written)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("@daily", "five fields"),
        ("* * * * * *", "five fields"),
        ("61 * * * *", "five fields"),
        ("0 0 31 2 *", "never comes"),
        ({"cron": "0 3 * * *", "timezone": "Europe/Nowhere"}, "time zone"),
        ({"cron": "0 3 * * *", "timezone": "../etc/passwd"}, "time zone"),
    ],
)
def test_what_is_no_moment_is_refused(written: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ENTRY.validate_python(written)

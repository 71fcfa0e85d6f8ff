"""When something is due by the clock: cron's five fields in a time zone."""

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from fraisier.fraise_types.cron import on_calendar
from fraisier.fraise_types.fields import Line, Section, refuse

_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def _cron(text: str) -> str:
    from croniter import CroniterBadDateError, croniter  # for the few files that have one

    if len(text.split()) != 5 or not croniter.is_valid(text):
        raise refuse("expected cron's five fields: minute, hour, day of month, month, day of week")
    try:
        croniter(text, _SOME_DAY).get_next(datetime)
    except CroniterBadDateError:
        raise refuse("names a moment that never comes") from None
    return text


def moments(text: str) -> str:
    """Cron's five fields or a calendar expression of systemd, as it was given."""
    try:
        on_calendar(text)
    except ValueError as error:
        raise refuse(str(error)) from None
    return text


def zone(text: str) -> str:
    """The name of a time zone that there is, as it was given."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # no such zone, or a path that is none
        raise refuse("expected the name of a time zone, such as Europe/Paris") from None
    return text


Zone = Annotated[Line, AfterValidator(zone)]


class Schedule(Section):
    """Moments by the clock."""

    cron: Annotated[Line, AfterValidator(_cron)] = Field(description="Cron's five fields, e.g. 0 3 * * *. Required.")
    timezone: Zone = Field("UTC", description="Time zone of the fields, e.g. Europe/Paris. Default: UTC.")


def _schedule(value: Any) -> Any:
    return {"cron": value} if isinstance(value, str) else value


ScheduleEntry = Annotated[Schedule, BeforeValidator(_schedule, json_schema_input_type=str | Schedule)]

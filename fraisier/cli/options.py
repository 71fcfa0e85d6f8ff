"""What commands share: options, JSON output, errors. Imports click and the standard library alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fraisier.errors import ConfigError, FraisierError

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig

SCHEMA_VERSION = 1
F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


class Since(click.ParamType[timedelta]):
    """A span of time back from now: 30min, 12h, 7d, 2w."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d+)\s*(min|h|d|w)", str(value))
        if not found:
            self.fail(f"'{value}' is not a span of time such as 30min, 12h, 7d or 2w", param, ctx)
        unit = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}[found[2]]
        return timedelta(**{unit: int(found[1])})


since_option = click.option("--since", type=Since(), metavar="SPAN", help="Only the last 30min, 12h, 7d, 2w ...")


def target_arguments(function: F) -> F:
    return click.argument("fraise")(click.argument("environment")(function))


def print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=2, default=str, ensure_ascii=False))


def fail(error: FraisierError, *, as_json: bool) -> None:
    """Say what went wrong: a red line for people, an ``error`` object for programs."""
    if as_json:
        print_json({"error": error_data(error)})
    else:
        for number, line in enumerate(str(error).splitlines()):
            click.echo(click.style(line, fg="red") if number == 0 or isinstance(error, ConfigError) else line, err=True)


def error_data(error: FraisierError) -> dict[str, Any]:
    data: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "retriable": error.retriable,
    }
    if isinstance(error, ConfigError):
        data["problems"] = [vars(problem) for problem in error.problems]
    return data


def load_config(ctx: click.Context) -> FraisierConfig:
    from fraisier.config import FraisierConfig

    return FraisierConfig(ctx.obj["config"], environ=os.environ)


def state_colour(status: str) -> str:
    return {
        "success": "green", "healthy": "green", "unchanged": "green", "ok": "green",
        "failed": "red", "rollback_failed": "red", "down": "red", "unreachable": "red",
        "rolled_back": "yellow", "interrupted": "yellow", "degraded": "yellow", "cancelled": "yellow",
    }.get(status, "cyan")  # fmt: skip

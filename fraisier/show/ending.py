"""How a deployment ended, for people: what failed and why, what was undone, what is owed, what to type next. It fits on one screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraisier.show.progress import headline
from fraisier.show.text import commit, duration
from fraisier.vocabulary import Kind, Status

if TYPE_CHECKING:
    from fraisier.evidence import Failure
    from fraisier.work import DeploymentResult

WIDTH = 80
LOG_LINES = 6
OUTPUT_LINES = 4
FAILURES = 3
COLOURS = {
    Status.SUCCESS: "green",
    Status.UNCHANGED: "green",
    Status.FAILED: "red",
    Status.ROLLBACK_FAILED: "red",
}


@dataclass(frozen=True)
class Line:
    """One line of the ending; ``is_error`` belongs on standard error."""

    text: str
    colour: str | None = None
    is_bold: bool = False
    is_error: bool = False


def story(result: DeploymentResult) -> Iterator[Line]:
    """The lines, none wider than 80 columns, at most 24 of them for an ordinary failure."""
    if result.error:
        yield from _why(result)
    yield from _output(result)
    for warning in result.warnings:
        yield from _wrapped("warning: ", headline(warning), colour="yellow", is_error=True)
    status, took = result.status.value, duration(result.duration_seconds)
    yield from _wrapped(
        f"{status} in {took}: ", _sentence(result), colour=COLOURS.get(result.status, "yellow"), bold=True
    )
    if not result.success:
        yield from _wrapped("  undone     ", _places(result.hosts))
        yield from _wrapped("  untouched  ", ", ".join(result.untouched))
    yield from _wrapped("  owed       ", _places(result.owed))
    if not result.success or result.owed:
        for number, command in enumerate(_next(result)):
            yield Line(f"{'' if number else '  next':<13}{command}")


def _why(result: DeploymentResult) -> Iterator[Line]:
    """The failures that stopped it, each with the last words of the command and of the service."""
    assert result.error
    if not result.failures or not any(failure.host in result.error.message for failure in result.failures):
        yield from _wrapped("", headline(result.error.message), colour="red", is_error=True)
    for failure in result.failures[:FAILURES]:
        yield from _failure(failure)
    if more := {failure.host for failure in result.failures[FAILURES:]}:
        yield Line(f"... and on {', '.join(sorted(more))}"[:WIDTH], "red", is_error=True)
    if result.error.hint:
        yield from _wrapped("  ", result.error.hint, is_error=True)


def _failure(failure: Failure) -> Iterator[Line]:
    where = f"{failure.host}: {failure.phase or failure.task}: "
    yield from _wrapped(where, headline(failure.message), colour="red", is_error=True)
    said = failure.stderr or failure.stdout
    told = set(failure.message.split("\n"))
    for line in [line for line in said.splitlines() if line.strip() and line not in told][-OUTPUT_LINES:]:
        yield Line(f"    {line}"[:WIDTH], is_error=True)
    rest = failure.message.splitlines()[1:] if not failure.log else []
    for line in [*rest[-OUTPUT_LINES:], *(f"| {line}" for line in failure.log[-LOG_LINES:])]:
        yield Line(f"    {line}"[:WIDTH], is_error=True)


def _output(result: DeploymentResult) -> Iterator[Line]:
    """The last lines of a job that ended well; those of one that did not are told with its failure."""
    for name, run in result.runs.items() if result.success else ():
        for line in list(run.get("log") or ())[-OUTPUT_LINES:]:
            yield Line(f"{name}: {line}"[:WIDTH])


def _sentence(result: DeploymentResult) -> str:
    version, back = commit(result.new_version), commit(result.old_version)
    target = result.target
    if result.kind is Kind.JOB and result.status in (Status.SUCCESS, Status.FAILED, Status.CANCELLED):
        ended = "has run" if result.success else result.compensation or "did not end well"
        return f"{target} {ended} (release {result.release_id})"
    match result.status:
        case Status.SUCCESS if result.kind in (Kind.ROLLBACK, Kind.JOB) and result.compensation:
            return f"{target}: {result.compensation}"
        case Status.SUCCESS:
            replaced = f"; {result.compensation}" if result.compensation else ""
            return f"{target} runs {version} (release {result.release_id}){replaced}"
        case Status.UNCHANGED if result.skipped:
            return f"{target} goes on with {version}: {result.skipped['reason']}"
        case Status.UNCHANGED:
            return f"{target} already runs {version}, the newest commit"
        case Status.ROLLED_BACK:
            return f"{target} is back on {back}: {result.compensation}"
        case Status.ROLLBACK_FAILED:
            return f"{target} needs your eyes: {result.compensation}"
        case Status.CANCELLED:
            return f"{target}: {result.compensation or 'nothing was changed'}"
        case Status.INTERRUPTED:
            return f"{target}: {result.compensation}"
    said = f"; {result.compensation}" if result.compensation else ""
    return f"{target}: nothing on the hosts was switched{said}"


def _places(hosts: Mapping[str, str]) -> str:
    """Hosts by the release that they have or should have."""
    releases: dict[str, list[str]] = {}
    for name, release in hosts.items():
        releases.setdefault(release, []).append(name)
    return "; ".join(f"{', '.join(names)}: {release or 'nothing deployed'}" for release, names in releases.items())


def _next(result: DeploymentResult) -> Iterable[str]:
    place = f"{result.target.fraise} {result.target.environment}"
    if result.owed or result.status is Status.INTERRUPTED:
        yield f"fraisier resume {place}"
    if result.status in (Status.INTERRUPTED, Status.ROLLBACK_FAILED):
        yield f"fraisier status --live {place}"
    yield f"fraisier logs {result.id[:8]}"


def _wrapped(
    head: str, text: str, *, colour: str | None = None, bold: bool = False, is_error: bool = False
) -> Iterator[Line]:
    """``text`` behind ``head``, broken at 80 columns and indented below it; nothing for no text."""
    if not text:
        return
    indent = "  " if len(head) > 20 or not head.startswith("  ") else " " * len(head)
    for number, line in enumerate(
        textwrap.wrap(head + text, WIDTH, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
    ):
        yield Line(line, colour, bold and number == 0, is_error)

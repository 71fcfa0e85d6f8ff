"""Units of jobs that run by the clock: a service and, with a calendar, a timer each. Pure: settings in, texts of unit files out.

A service leaves a record of each run below ``.fraisier/runs`` of the application, whoever started it, and a job that depends on others asks
the records of theirs. What stands in a unit is the unit's own text, so that nobody else's file is ever run as root.
"""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RECORD_LINES = 20
SHORTEST_MASKED = 8
"""Values of an environment that are shorter stay in the record: they would take too much else with them."""


@dataclass(frozen=True)
class Job:
    """One job. ``on_calendar``: systemd calendar expressions, none for a job that only others or people start. ``program``: text of a
    program of ours that stands beside its unit, '' where the command is the release's own.
    """

    name: str
    command: str | Sequence[str]
    on_calendar: Sequence[str] = ()
    depends_on: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    timeout_seconds: int = 3600
    jitter_seconds: int = 0
    persistent: bool = True
    program: str = ""


@dataclass(frozen=True)
class Place:
    """What the units of one application share. ``prefix``: how their names begin."""

    app_path: str
    prefix: str
    description: str = ""
    scope: str = "system"
    user: str = ""
    group: str = ""
    options: Mapping[str, str] | None = None

    @property
    def runs(self) -> str:
        return f"{self.app_path}/.fraisier/runs"

    @property
    def store(self) -> str:
        return f"{self.app_path}/current/.fraisier/jobs"

    def unit(self, job: str, kind: str = "service") -> str:
        return f"{self.prefix}-{job}.{kind}"


def service_text(place: Place, job: Job) -> str:
    """A oneshot: while it runs, a timer that elapses again starts nothing."""
    waits_for = [place.unit(name) for name in job.depends_on]
    network = ["network-online.target"] if place.scope == "system" else []
    unit = [("Description", f"{place.description or place.prefix}: {job.name}")]
    unit += [("Wants", each) for each in network]
    unit += [("After", " ".join([*network, *waits_for]))] if network or waits_for else []
    service = [("Type", "oneshot")]
    if place.scope == "system":
        service += [(name, text) for name, text in (("User", place.user), ("Group", place.group)) if text]
    service += [("WorkingDirectory", f"{place.app_path}/current"), ("EnvironmentFile", f"{place.store}/{job.name}.env")]
    lines = [_line(name, text) for name, text in service]
    if job.depends_on:
        lines.append(f"ExecCondition={_shell(place, _condition(place, job))}")
    lines += [
        f"ExecStartPre={_shell(place, _begin(place, job))}",
        f"ExecStart={_words(place, job.command)}",
        f"ExecStopPost={_shell(place, _end(place, job))}",
        f"TimeoutStartSec={job.timeout_seconds}",
        "TimeoutStopSec=10",
    ]
    lines += [_line(name, text) for name, text in (place.options or {}).items()]
    return _file(("Unit", [_line(name, text) for name, text in unit]), ("Service", lines))


def timer_text(place: Place, job: Job) -> str:
    """A moment that passes while the host is down is made up for once, if the job is persistent."""
    lines = [_line("OnCalendar", expression) for expression in job.on_calendar]
    lines += [f"Persistent={'true' if job.persistent else 'false'}", "AccuracySec=1s"]
    lines += [f"RandomizedDelaySec={job.jitter_seconds}"] if job.jitter_seconds else []
    lines += [_line("Unit", place.unit(job.name))]
    unit = [_line("Description", f"{place.description or place.prefix}: {job.name}, by the clock")]
    return _file(("Unit", unit), ("Timer", lines), ("Install", ["WantedBy=timers.target"]))


def _begin(place: Place, job: Job) -> str:
    release = f'"$(basename "$(readlink {shlex.quote(f"{place.app_path}/current")})")"'
    return f"printf '%s %s\\n' \"$(date +%s.%N)\" {release} >{shlex.quote(f'{place.runs}/{job.name}.begun')}"


def _end(place: Place, job: Job) -> str:
    """One file per run, moved into place when it is whole; and how the last one ended, for jobs that depend on this one."""
    runs, name = shlex.quote(place.runs), job.name
    user = " --user" if place.scope == "user" else ""
    journal = (
        f"journalctl{user} --quiet --no-pager --output=cat --lines={RECORD_LINES} _SYSTEMD_INVOCATION_ID=$INVOCATION_ID"
    )
    facts = f'"job {name}" "invocation $INVOCATION_ID" "begun $b" "ended $n" "release $r" "result $SERVICE_RESULT" "status $EXIT_STATUS"'
    return "; ".join([
        f"cd {runs} || exit 0",
        "umask 077",
        "n=$(date +%s.%N)",
        f"read -r b r 2>/dev/null <{name}.begun || b=$n",
        'if [ "$SERVICE_RESULT" = exec-condition ]; then b=$n',
        f"else printf '%s %s\\n' \"$b\" \"$SERVICE_RESULT\" >{name}.last; fi",
        "journalctl --sync 2>/dev/null",
        f"{{ printf '%s\\n' {facts}",
        f"{journal} 2>/dev/null | {_masking(job)} | cut -c 1-400 | sed 's/^/log /'; }} >.{name}.new",
        *([f'chown "$(stat -c %u:%g .)" .{name}.new'] if place.scope == "system" else []),
        f"mv .{name}.new {name}@${{n%.*}}@$INVOCATION_ID.run",
    ])  # fmt: skip


def _masking(job: Job) -> str:
    """Takes values of the job's environment out of what it has said: whoever reads it later may not know them for secrets."""
    names = [name for name in job.environment or {} if not name.startswith("FRAISIER_")]
    return (
        f'awk -v names={shlex.quote(" ".join(names))} \'BEGIN {{ count = split(names, name, " ") }}'
        " { for (i = 1; i <= count; i++) { value = ENVIRON[name[i]];"
        f" if (length(value) >= {SHORTEST_MASKED}) while (at = index($0, value))"
        ' $0 = substr($0, 1, at - 1) "***" substr($0, at + length(value)) } print }\''
    )


def _condition(place: Place, job: Job) -> str:
    """Each job that this one needs has succeeded, in a run that began after the last one of this job did."""
    asks = [f"cd {shlex.quote(place.runs)} || exit 1", f"m=$(cut -d ' ' -f 1 {job.name}.last 2>/dev/null)"]
    asks += [
        f'awk -v m="${{m:-0}}" \'{{ exit !($2 == "success" && $1 + 0 > m + 0) }}\' {name}.last 2>/dev/null || exit 1'
        for name in job.depends_on
    ]
    return "; ".join(asks)


def _shell(place: Place, script: str) -> str:
    """With the manager's rights, in the system's scope: the records belong to nobody who could be a job's user."""
    return f"{'+' if place.scope == 'system' else ''}/bin/sh -c {_quoted(script)}"


def whole_path(command: Sequence[str], app_path: str) -> list[str]:
    """A command whose program, where it is named by a path, is the current release's: systemd does not look from the working directory."""
    program, *rest = command
    if "/" in program and not program.startswith("/"):
        program = f"{app_path}/current/{program.removeprefix('./')}"
    return [program, *rest]


def _words(place: Place, command: str | Sequence[str]) -> str:
    if isinstance(command, str):
        return f"/bin/sh -c {_quoted(command)}"
    return " ".join(_quoted(word) for word in whole_path(command, place.app_path))


def _quoted(word: str) -> str:
    """A word as systemd reads it back: no specifier, no variable of systemd's."""
    for before, after in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("%", "%%"), ("$", "$$")):
        word = word.replace(before, after)
    return f'"{word}"'


def _line(name: str, text: str) -> str:
    return f"{name}={' '.join(str(text).split()).replace('%', '%%')}"


def _file(*sections: tuple[str, Sequence[str]]) -> str:
    texts = ["\n".join([f"[{name}]", *lines, ""]) for name, lines in sections]
    return (
        "# Written by Fraisier; changes are overwritten. Settings of your own: run.options, or a drop-in.\n"
        + "\n".join(texts)
    )

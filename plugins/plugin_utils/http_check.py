"""What a health check asks and how its answer is judged: pure; the health plugin does the asking."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.fraisier.deploy.plugins.plugin_utils import compose, instances, protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import (
    HEADER,
    PROGRAM,
    UNIT,
    ArgumentError,
    Arguments,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.instances import Instance, Instances
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.shell import Command

SHORT_COMMIT = 7
VERSION = re.compile(r"[\x21-\x7e]{1,200}")
STATUS = re.compile(r"[1-5][0-9][0-9]")
MANAGERS = ("systemd", "supervisor", compose.MANAGER, "none")


@dataclass(frozen=True)
class Service:
    """The process behind the answer, so that its start can be read and its log be shown."""

    manager: str
    unit: str
    scope: str
    program: str
    home: str
    project: compose.Project

    @property
    def name(self) -> str:
        names = {"systemd": self.unit, compose.MANAGER: f"compose project {self.project.name}"}
        return names.get(self.manager, f"program {self.program}")

    @property
    def scripts(self) -> list[str]:
        """What must be sent so that ``probe`` and ``emit_log`` are there."""
        return [compose.SCRIPT, "process"] if self.manager == compose.MANAGER else ["process"]

    def of(self, instance: Instance) -> Service:
        return replace(self, unit=instance.name(self.unit), program=instance.name(self.program))

    def parts(self) -> list[str]:
        fields = {
            "manager": self.manager,
            "unit": self.unit,
            "scope": self.scope,
            "program": self.program,
            "home": self.home,
        }
        found = [shell.assign(name, value) for name, value in fields.items()]
        return found + (self.project.parts() if self.manager == compose.MANAGER else [])


def parse_service(arguments: Arguments, app_path: str) -> Service:
    """A manager without the name of a unit or program is none."""
    manager = arguments.choice("manager", MANAGERS, "none")
    unit = arguments.text("unit", pattern=UNIT)
    program = arguments.text("program", pattern=PROGRAM)
    scope = arguments.choice("scope", ("system", "user"), "system")
    home = arguments.path("home", f"{app_path}/supervisor") or f"{app_path}/supervisor"
    project = compose.project(app_path, arguments.mapping("compose"))
    if not {"systemd": unit, "supervisor": program, compose.MANAGER: project.name}.get(manager):
        manager = "none"
    return Service(manager, unit, scope, program, home, project)


@dataclass(frozen=True)
class Check:
    app_path: str
    url: str
    statuses: list[str]
    headers: dict[str, str]
    verify_tls: bool
    version_json: str
    version_header: str
    expected_version: str
    command: Command
    environment: dict[str, str]
    timeout_seconds: float
    interval_seconds: float
    request_timeout_seconds: float
    after_start: bool
    activated_at: float
    log_lines: int
    service: Service
    instances: Instances

    def of(self, color: str) -> Check:
        """The check of one of two instances: its own port takes the place of the address's."""
        instance = self.instances.of(color)
        if not instance.color:
            return self
        environment = {**self.environment, **instance.environment}
        url = _at_port(self.url, instance.port)
        return replace(self, url=url, environment=environment, service=self.service.of(instance))

    @property
    def asks_version(self) -> bool:
        return bool(self.url and self.expected_version and (self.version_json or self.version_header))

    @property
    def asks_restart(self) -> bool:
        """Containers are known by their images: those that a release does not change may go on."""
        is_process = self.service.manager not in ("none", compose.MANAGER)
        return self.after_start and self.activated_at > 0 and is_process

    @property
    def place(self) -> str:
        """The URL for a message: without what may be secret in it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def instance_parts(self) -> list[str]:
        """What differs from one instance to the other."""
        return [
            *self.service.parts(),
            shell.exporting("health_environment", self.environment),
            shell.assign("url", self.url),
            shell.assign("curl_config", self._curl_config()),
            shell.assign("http", self._http()),
        ]

    def parts(self, seconds: float) -> list[str]:
        return [
            *self.instances.parts(lambda instance: self.of(instance.color).instance_parts()),
            shell.calling("run_health", self.command or "true"),
            shell.assign("app_path", self.app_path),
            shell.assign("python_program", shell.program("http_get.py")),
            shell.assign("statuses", " ".join(self.statuses)),
            shell.assign("fragment", self.expected_version[:SHORT_COMMIT] if self.asks_version else ""),
            shell.assign("has_command", bool(self.command)),
            shell.assign("after_start", self.asks_restart),
            shell.assign("activated_at", self.activated_at),
            shell.assign("timeout_seconds", math.ceil(seconds)),
            shell.assign("interval_seconds", self.interval_seconds),
            shell.assign("request_timeout_seconds", math.ceil(self.request_timeout_seconds)),
            shell.assign("log_lines", self.log_lines),
        ]

    def _curl_config(self) -> str:
        """Over curl's stdin: headers may be secrets. A local service is asked directly, whatever proxy the host has."""
        options = [
            ("url", self.url),
            ("max-time", f"{self.request_timeout_seconds:g}"),
            ("noproxy", "*"),
            ("write-out", "\\n%{http_code}"),
        ]
        options += [("header", f"{name}: {value}") for name, value in self.headers.items()]
        flags = ["silent", "show-error", "include", "globoff", "suppress-connect-headers"]
        flags += [] if self.verify_tls else ["insecure"]
        return "\n".join([*flags, *(f"{name} = {_curl_quote(value)}" for name, value in options)])

    def _http(self) -> str:
        wanted = {
            "url": self.url,
            "headers": self.headers,
            "timeout": self.request_timeout_seconds,
            "verify_tls": self.verify_tls,
        }
        return json.dumps(wanted)


def _curl_quote(value: str) -> str:
    if value == "\\n%{http_code}":  # curl's own escape
        return f'"{value}"'
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))


def parse(arguments: Arguments) -> Check:
    app_path = arguments.app_path()
    return Check(
        app_path=app_path,
        url=_url(arguments.text("url")),
        statuses=arguments.lines("status", STATUS) or ["200"],
        headers=_headers(arguments),
        verify_tls=arguments.boolean("verify_tls", default=True),
        version_json=arguments.text("version_json"),
        version_header=arguments.text("version_header", pattern=HEADER),
        expected_version=arguments.text("expected_version", pattern=VERSION),
        command=arguments.command("command"),
        environment=arguments.environment(),
        timeout_seconds=arguments.number("timeout_seconds", 30),
        interval_seconds=arguments.number("interval_seconds", 0.5, minimum=0.05),
        request_timeout_seconds=arguments.number("request_timeout_seconds", 5, minimum=0.1),
        after_start=arguments.boolean("after_start", default=True),
        activated_at=arguments.number("activated_at", 0, maximum=1e11),
        log_lines=arguments.integer("log_lines", 20, minimum=1, maximum=500),
        service=parse_service(arguments, app_path),
        instances=instances.parse(arguments),
    )


def _at_port(url: str, port: int) -> str:
    if not url:
        return ""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name = host.rpartition(":")[0] if re.search(r":[0-9]*$", host) else host
    return parts._replace(netloc=f"{user}{at}{name}:{port}").geturl()


def _url(text: str) -> str:
    if text and urlsplit(text).scheme not in ("http", "https"):
        raise ArgumentError("url must begin with http:// or https://")
    if any(character.isspace() for character in text):
        raise ArgumentError("url must not hold spaces")
    return text


def _headers(arguments: Arguments) -> dict[str, str]:
    headers = {name: str(value) for name, value in arguments.mapping("headers").items()}
    for name, value in headers.items():
        if not HEADER.fullmatch(name):
            raise ArgumentError("headers has a name that is no header name")
        if any(character in value for character in "\r\n\0"):
            raise ArgumentError(f"headers.{name} must be one line")
    return headers


@dataclass(frozen=True)
class Verdict:
    """``evidence`` says what proves it: version > restart > containers > answer; command; none when nothing could be asked."""

    healthy: bool
    evidence: str
    version: str
    message: str


def judge(check: Check, answer: Answer) -> Verdict:
    if not answer.complete:
        return Verdict(False, "none", "", answer.text("msg"))
    version = answered_version(check, answer.text("answer")) if check.asks_version else ""
    wrong = _wrong_version(check, version) if answer.text("status") in check.statuses else ""
    if answer.flag("failed") or wrong:
        return Verdict(False, _evidence(check), version, _failure(check, answer, wrong))
    return Verdict(True, _evidence(check), version, "")


def _evidence(check: Check) -> str:
    if check.asks_version:
        return "version"
    if check.asks_restart:
        return "restart"
    if check.service.manager == compose.MANAGER:
        return "containers"
    if check.url:
        return "answer"
    return "command" if check.command else "none"


def _wrong_version(check: Check, version: str) -> str:
    if not check.asks_version or is_same_version(version, check.expected_version):
        return ""
    if version:
        return f"{check.place} answered version {version!r}, expected {check.expected_version!r}"
    place = f"at {check.version_json!r} of its JSON" if check.version_json else f"in the header {check.version_header}"
    return f"{check.place} answered without a version {place}, expected {check.expected_version!r}"


def is_same_version(answered: str, expected: str) -> bool:
    """The commit, or at least seven characters of its beginning."""
    answered, expected = answered.lower(), expected.lower()
    return answered == expected or (len(answered) >= SHORT_COMMIT and expected.startswith(answered))


def answered_version(check: Check, text: str) -> str:
    head, _, body = text.partition("\n\n")
    if check.version_header:
        for line in head.split("\n")[1:]:
            name, _, value = line.partition(":")
            if name.strip().lower() == check.version_header.lower():
                return value.strip()
    return json_text(body, check.version_json) if check.version_json else ""


def json_text(body: str, path: str) -> str:
    """The text or number at ``a.b.0``; '' when it is not there."""
    try:
        found: Any = json.loads(body)
        for part in path.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return str(found) if isinstance(found, (str, int, float)) and not isinstance(found, bool) else ""


def _failure(check: Check, answer: Answer, wrong: str) -> str:
    sentence = wrong or _reason(check, answer)
    state = answer.text("state")
    if check.service.manager != "none" and state != "running" and answer.text("reason") != "process":
        sentence = f"{sentence}; {check.service.name} is {state or 'unknown'}"
    count = answer.whole("attempts")
    sentence = f"{sentence} ({count} attempt{'' if count == 1 else 's'} in {check.timeout_seconds:g} s)"
    said = protocol.last_lines(answer.text("log"), count=5)
    return f"{sentence}; the service's last lines:\n{said}" if said else sentence


def _reason(check: Check, answer: Answer) -> str:
    reason = answer.text("reason")
    also = f"{check.place} answers, but " if check.url else ""
    if reason == "process" and check.service.manager == compose.MANAGER:
        return f"{also}{check.service.name} is {answer.text('state')}: {answer.text('detail')}"
    if reason == "process":
        return f"{also}{check.service.name} is {answer.text('state')}{': another process answers' if check.url else ''}"
    if reason == "restart":
        process = f"the process of {check.service.name} (pid {answer.text('pid')})"
        return f"{also}{process} is older than the activation: the restart did not take"
    if reason == "command":
        return f"the health command failed (rc {answer.text('command_rc')}): {protocol.last_lines(answer.text('stderr'))}".rstrip(
            ": "
        )
    if answer.has("error"):
        return f"{check.place} did not answer: {protocol.last_lines(answer.text('error'), count=1)}"
    if answer.text("status") not in check.statuses:
        return f"{check.place} answered status {answer.text('status')}, expected {' or '.join(check.statuses)}"
    return answer.text("msg") or f"{check.place} is not healthy"

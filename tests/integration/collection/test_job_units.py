"""Units of jobs by the clock: systemd's own opinion of them, and what their records say after they have really been run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.fraisier.deploy.plugins.plugin_utils.job_units import Job, Place, service_text, timer_text

ODD = 'it\'s 5 % of "$HOME"\tor `so`\\n; exit 3'


def place(folder: Path, scope: str = "system") -> Place:
    return Place(
        str(folder), "fraisier-reports-production", "Reports, 100 %", scope, "deploy", "", {"MemoryMax": "64M"}
    )


JOBS = {
    "collect": Job("collect", "true", ["*-*-* 02:00:00", "Mon..Fri 06:00"], jitter_seconds=30),
    "nightly": Job("nightly", ["/bin/true", "a b", ODD], ["daily"], ["collect"], persistent=False, timeout_seconds=60),
    "by_hand": Job("by_hand", ODD),
}


@pytest.mark.parametrize("scope", ["system", "user"])
def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path, scope: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed on this machine")
    here = place(tmp_path, scope)
    for name, job in JOBS.items():
        (tmp_path / here.unit(name)).write_text(service_text(here, job))
        if job.on_calendar:
            (tmp_path / here.unit(name, "timer")).write_text(timer_text(here, job))
    units = sorted(str(path) for path in tmp_path.iterdir())
    argv = ["systemd-analyze", "verify", "--man=no", f"--{scope}", *units]
    environ = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, env=environ)
    assert [line for line in done.stderr.splitlines() if here.prefix in line] == []


def settings(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]


def test_a_timer_has_a_line_for_each_moment_and_a_job_without_moments_has_none(tmp_path: Path) -> None:
    text = timer_text(place(tmp_path), JOBS["collect"])
    assert settings(text, "OnCalendar") == ["*-*-* 02:00:00", "Mon..Fri 06:00"]
    assert settings(text, "Persistent") == ["true"]
    assert settings(text, "RandomizedDelaySec") == ["30"]
    assert settings(text, "Unit") == ["fraisier-reports-production-collect.service"]
    assert "RandomizedDelaySec" not in timer_text(place(tmp_path), JOBS["nightly"])


def test_text_of_the_configuration_adds_no_setting(tmp_path: Path) -> None:
    evil = Job("evil", ["/bin/echo", "a\nExecStartPre=/bin/evil"], ["daily\nUnit=other.service"])
    assert settings(service_text(place(tmp_path), evil), "ExecStartPre") == settings(
        service_text(place(tmp_path), Job("evil", "true")), "ExecStartPre"
    )
    assert settings(timer_text(place(tmp_path), evil), "Unit") == ["fraisier-reports-production-evil.service"]


def words(line: str) -> list[str]:
    """A command line of a unit as systemd reads it: words, escapes, doubled signs."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line.removeprefix("+"))
    texts = [quoted or plain for quoted, plain in found]
    return [re.sub(r"\\(.)|%(%)|\$(\$)", _read_back, text) for text in texts]


def _read_back(found: re.Match[str]) -> str:
    escaped, percent, dollar = found.groups()
    return percent or dollar or {"n": "\n"}.get(escaped, escaped)


class Systemd:
    """Runs the commands of a service in their order, with what systemd tells them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".fraisier" / "runs").mkdir(parents=True)
        (folder / "releases" / "r1").mkdir(parents=True)
        (folder / "current").symlink_to("releases/r1")

    def start(self, name: str, job: Job, *, result: str = "success", environ: Mapping[str, str] | None = None) -> str:
        text = service_text(place(self.folder), job)
        environ = {"PATH": "/usr/bin:/bin", "INVOCATION_ID": f"{len(self.records()):032}", **(environ or {})}
        for line in settings(text, "ExecCondition"):
            if subprocess.run(words(line), env=environ).returncode:
                result = "exec-condition"
        if result != "exec-condition":
            for line in settings(text, "ExecStartPre"):
                subprocess.run(words(line), env=environ, check=True)
        told = {"SERVICE_RESULT": result, "EXIT_CODE": "exited", "EXIT_STATUS": "0" if result == "success" else "3"}
        for line in settings(text, "ExecStopPost"):
            subprocess.run(words(line), env=environ | told, check=True)
        return result

    def records(self) -> list[dict[str, str]]:
        files = sorted((self.folder / ".fraisier" / "runs").glob("*.run"), key=lambda path: path.stat().st_mtime_ns)
        return [dict(line.split(" ", 1) for line in path.read_text().splitlines()) for path in files]


def test_each_run_leaves_a_record(tmp_path: Path) -> None:
    systemd = Systemd(tmp_path)
    systemd.start("collect", JOBS["collect"])
    systemd.start("collect", JOBS["collect"], result="exit-code")
    first, second = systemd.records()
    assert (first["job"], first["result"], first["release"]) == ("collect", "success", "r1")
    assert (second["result"], second["status"]) == ("exit-code", "3")
    assert float(first["begun"]) <= float(first["ended"]) <= float(second["ended"])


def test_a_record_holds_no_value_of_the_environment(tmp_path: Path) -> None:
    """The journal's part is played by a program on the PATH of the unit's commands."""
    systemd, job = Systemd(tmp_path), Job("collect", "true", environment={"TOKEN": "s3cret/*+value", "SHORT": "yes"})
    (tmp_path / "journalctl").write_text("#!/bin/sh\necho 'yes: s3cret/*+value and s3cret/*+value again'\n")
    (tmp_path / "journalctl").chmod(0o755)
    systemd.start(
        "collect", job, environ={"TOKEN": "s3cret/*+value", "SHORT": "yes", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    (found,) = systemd.records()
    assert found["log"] == "yes: *** and *** again"
    (path,) = (tmp_path / ".fraisier" / "runs").glob("*.run")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_job_waits_for_a_new_success_of_those_that_it_depends_on(tmp_path: Path) -> None:
    systemd = Systemd(tmp_path)
    collect, nightly = JOBS["collect"], JOBS["nightly"]
    assert systemd.start("nightly", nightly) == "exec-condition", "nothing was collected yet"
    systemd.start("collect", collect, result="exit-code")
    assert systemd.start("nightly", nightly) == "exec-condition", "collecting has failed"
    systemd.start("collect", collect)
    assert systemd.start("nightly", nightly) == "success"
    assert systemd.start("nightly", nightly) == "exec-condition", "nothing new was collected since"
    systemd.start("collect", collect)
    assert systemd.start("nightly", nightly) == "success"

"""Services under a supervisord of their own, as ordinary processes of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from application import EXEC, WEB
from estate import Estate, Run, free_port, release_id


@pytest.fixture
def web(supervised: Estate) -> Estate:
    release = supervised.release(release_id("a" * 40))
    release.mkdir(parents=True)
    (release / "REVISION").write_text("a" * 40)
    (release / "web.py").write_text(WEB)
    (supervised.app / "current").symlink_to(f"releases/{release.name}")
    supervised.variables |= {"fraisier_supervisor_exec": EXEC, "fraisier_environment": {"PORT": free_port()}}
    return supervised


def run(estate: Estate, *arguments: str, **variables: Any) -> Run:
    return estate.role("supervisor", *arguments, **variables)


def test_service_that_dies_at_its_start_fails_with_its_last_words(web: Estate) -> None:
    failed = run(web, fraisier_supervisor_exec="sh -c 'echo port is taken >&2; exit 3'")
    assert "did not stay up after its start" in failed.message("service")
    assert "port is taken" in failed.message("service")
    assert failed.result("service")["log"][-1] == "port is taken"


def test_program_that_is_not_there_fails(web: Estate) -> None:
    assert "did not stay up" in run(web, fraisier_supervisor_exec="venv/bin/nothing").message("service")


def test_environment_reaches_the_service_and_nobody_else(web: Estate) -> None:
    value = "s3cret-\"'$HOME`id`\\ %d end"
    started = run(web, "--diff", fraisier_supervisor_environment={"COLOR": value}).ok()
    pid = started.result("service")["pid"]
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert f"COLOR={value}".encode() in environment
    assert Path(f"/proc/{pid}/cwd").readlink() == web.release(web.current)
    assert (web.app / "shared" / "service.env").stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in started.text
    boss = (web.app / "supervisor" / "run" / "supervisord.pid").read_text().strip()
    assert b"s3cret" not in Path(f"/proc/{boss}/environ").read_bytes()


def test_credentials_are_files_that_only_their_owner_reads(web: Estate) -> None:
    values = {"token": "s3cret-'\"$`\\ %d", "key.pem": "first\nsecond s3cret\n", "number": 5}
    looked = run(web, "--check", "--diff", fraisier_supervisor_credentials=values)
    started = run(web, "--diff", fraisier_supervisor_credentials=values).ok()
    folder = web.app / "shared" / "credentials"
    pid = started.result("service")["pid"]
    assert f"CREDENTIALS_DIRECTORY={folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {**values, "number": "5"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert "s3cret" not in looked.text + started.text
    assert "token ***" in started.text
    again = run(web, fraisier_supervisor_credentials=values).ok()
    assert (again.changed, again.result("service")["pid"]) == (0, pid)
    other = run(web, fraisier_supervisor_credentials={"token": "another"}).ok()
    assert other.result("service")["pid"] != pid
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("token", "another")]


def test_new_release_means_a_new_process_and_nothing_new_means_none(web: Estate) -> None:
    first = run(web).ok().result("service")
    other = web.release(release_id("b" * 40, 2))
    shutil.copytree(web.release(web.current), other)
    (web.app / "current").unlink()
    (web.app / "current").symlink_to(f"releases/{other.name}")
    second = run(web).ok().result("service")
    assert second["pid"] != first["pid"]
    assert second["started_at"] > first["started_at"]
    third = run(web).ok()
    assert (third.changed, third.result("service")["pid"]) == (0, second["pid"])
    fourth = run(web, fraisier_supervisor_environment={"COLOR": "red"}).ok()
    assert fourth.result("service")["pid"] != second["pid"]


def test_stopped_ends_service_and_supervisord_once(web: Estate) -> None:
    pid = run(web).ok().result("service")["pid"]
    stopped = run(web, fraisier_supervisor_state="stopped").ok()
    assert (stopped.changed, stopped.result("service")["state"]) == (1, "stopped")
    assert not Path(f"/proc/{pid}").exists()
    assert run(web, fraisier_supervisor_state="stopped").ok().changed == 0


def test_home_too_deep_for_a_socket_gets_a_short_one(web: Estate) -> None:
    home = web.folder / ("deep" * 20) / ("deeper" * 10)
    run(web, fraisier_supervisor_home=str(home)).ok()
    socket = next(line for line in (home / "supervisord.conf").read_text().splitlines() if line.startswith("file="))
    assert len(socket) < 100
    assert Path(socket.removeprefix("file=")).stat().st_mode & 0o077 == 0

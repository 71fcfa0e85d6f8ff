"""Services under a booted systemd: the system's and a user's own, after a restart of the host, and when they do not start."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.hosts.bed import Bed
from tests.hosts.host import Host
from tests.hosts.waiting import wait_for
from tests.hosts.world import APP_PATH, UNIT, World
from tests.integration.collection.application import WEB
from tests.integration.collection.estate import Estate, new_repository, release_id

ROOT = Path(__file__).parents[2]
PLACES = (APP_PATH, "/etc/systemd/system", "/home/deploy/.config", "/var/lib/systemd/linger")


@pytest.fixture
def estate(bed: Bed, tmp_path: Path) -> Estate:
    """h1 as plain ansible-playbook reaches it, with an active release and no service yet."""
    repository = new_repository(bed.share / tmp_path.name)
    commit = repository.commit({"web.py": WEB})
    place = tmp_path / "collections/ansible_collections/fraisier"
    place.mkdir(parents=True)
    (place / "deploy").symlink_to(ROOT)
    host = bed.host("h1")
    host.run("install", "-d", "-o", "deploy", "-g", "deploy", APP_PATH)
    reached = {
        "ansible_connection": "ssh",
        "ansible_host": host.address,
        "ansible_user": "deploy",
        "ansible_ssh_private_key_file": str(bed.image.key),
        # A socket in a test's folder would have too long a name.
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={bed.known_hosts} -o ControlPath=none",
        "ansible_python_interpreter": "/usr/bin/python3",
        "fraisier_app_path": APP_PATH,
    }
    found = Estate(tmp_path, tmp_path / "collections", hosts={"h1": reached})
    found.variables = {
        "fraisier_release_id": release_id(commit),
        "fraisier_version": commit,
        "fraisier_git_repo": str(repository.path),
        "fraisier_systemd_unit": UNIT,
        "fraisier_systemd_exec": "python3 web.py",
        "fraisier_environment": {"PORT": "8000", "TOKEN": "s3cret"},
    }
    found.role("git,activate").ok()
    return found


def files(host: Host) -> str:
    """Every file that the role could touch, with its time."""
    argv = ["find", *PLACES, "-not", "-path", "*/releases/*", "-printf", "%p %y %m %u %T@\n"]
    return "\n".join(sorted(host.run(*argv, check=False).stdout.splitlines()))


@pytest.mark.parametrize("scope", ["system", "user"])
def test_role_in_check_mode_for_real_and_again(scope: str, estate: Estate, bed: Bed) -> None:
    host, user = bed.host("h1"), "deploy" if scope == "user" else ""
    if user:
        host.run("loginctl", "enable-linger", user)
    before = files(host)

    check = estate.role("systemd", "--check", "--diff", fraisier_systemd_scope=scope).ok()
    assert check.changed == 1, check.text
    assert "s3cret" not in check.text
    assert files(host) == before
    real = estate.role("systemd", fraisier_systemd_scope=scope).ok()
    assert real.changed == 1, real.text
    unit = host.show(UNIT, "ActiveState", "MainPID", "UnitFileState", user=user)
    assert (unit["ActiveState"], unit["UnitFileState"]) == ("active", "enabled")
    assert unit["MainPID"] == str(real.result("service")["pid"])
    assert host.run("ps", "-o", "user=", "-p", unit["MainPID"]).stdout.strip() == "deploy"
    assert host.run("curl", "-sf", "http://127.0.0.1:8000/").stdout.count(estate.variables["fraisier_version"]) == 1
    assert host.run("stat", "-c", "%a %U", f"{APP_PATH}/shared/service.env").stdout == (
        "600 root\n" if scope == "system" else "600 deploy\n"
    )
    there = files(host)
    again = estate.role("systemd", fraisier_systemd_scope=scope).ok()
    assert again.changed == 0, again.text
    assert (files(host), host.show(UNIT, "MainPID", user=user)["MainPID"]) == (there, unit["MainPID"])
    stopped = estate.role("systemd", fraisier_systemd_scope=scope, fraisier_systemd_state="stopped").ok()
    assert stopped.changed == 1
    unit = host.show(UNIT, "ActiveState", "UnitFileState", user=user)
    assert (unit["ActiveState"], unit["UnitFileState"]) == ("inactive", "disabled")


def test_options_and_user_reach_the_process(estate: Estate, bed: Bed) -> None:
    host = bed.host("h1")
    host.run("useradd", "--system", "apps")
    options = {"Nice": "5", "PrivateTmp": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes"}
    estate.role("systemd", fraisier_systemd_user="apps", fraisier_systemd_options=options).ok()
    pid = host.show(UNIT, "MainPID")["MainPID"]
    assert host.run("ps", "-o", "user=,ni=", "-p", pid).stdout.split() == ["apps", "5"]
    assert "NoNewPrivs:\t1" in host.run("cat", f"/proc/{pid}/status").stdout
    environment = host.run("cat", f"/proc/{pid}/environ").stdout
    assert "TOKEN=s3cret" in environment
    assert "s3cret" not in host.run("systemctl", "cat", UNIT).stdout


def test_a_service_that_dies_at_its_start_fails_with_its_journal(estate: Estate, bed: Bed) -> None:
    run = estate.role("systemd", fraisier_systemd_exec="python3 -c raise_SystemExit('no_way')")
    assert run.rc != 0
    assert "did not stay up after its start" in run.message("service")
    assert "Traceback" in run.message("service") or "NameError" in run.message("service")


def test_the_service_comes_back_with_its_host(world: World) -> None:
    commit = world.head()
    world.deploy()
    for host in world.bed.hosts.values():
        host.power_cut()
        host.start()
    for name in world.bed.hosts:
        wait_for(partial(world.answer, name), "the service is back")
    world.assert_serving(commit, "v1", schema="0001")
    live = world.json("status", "--live")["fraises"][0]
    assert [(host["healthy"], host["drift"]) for host in live["hosts"]] == [(True, [])] * 3
    assert world.deploy()["status"] == "unchanged"


def test_a_users_own_unit_on_a_fleet(world: World) -> None:
    """No root at all: the service is one of user deploy's, who lingers."""
    for host in world.bed.hosts.values():
        host.run("loginctl", "enable-linger", "deploy")
        host.run("rm", "/etc/sudoers.d/deploy")
    world.settings["fraises"]["my_api"]["service"]["scope"] = "user"
    world.write_config()
    first = world.head()
    world.deploy()
    world.release(2, status=500, on=["h3"])
    assert world.deploy(expect=5)["status"] == "rolled_back"
    for host in world.bed.hosts.values():
        assert host.show(UNIT, "ActiveState", user="deploy")["ActiveState"] == "active"
        host.power_cut()
        host.start()
        status, body = wait_for(partial(world.answer, host.name), "the service is back")
        assert (status, body["version"]) == (200, first)

"""The test bed itself: its faults do what they say, and it ends with its owner, however that ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts import remains
from tests.hosts.bed import Bed
from tests.hosts.host import Host
from tests.hosts.waiting import wait_for


def connects(host: Host, seconds: float = 1.0) -> str:
    """How the ssh port of a host answers."""
    with socket.socket() as client:
        client.settimeout(seconds)
        try:
            client.connect((host.address, 22))
            return "banner" if client.recv(4) == b"SSH-" else "nothing"
        except TimeoutError:
            return "silence"
        except OSError as error:
            return type(error).__name__


def test_hosts_are_booted_machines(bed: Bed) -> None:
    for host in bed.hosts.values():
        assert host.run("systemctl", "is-system-running").stdout == "running\n"
        assert host.run("sudo", "-u", "deploy", "sudo", "-n", "id", "-u").stdout == "0\n"
        assert host.run("hostname").stdout == f"{host.name}\n"
        assert "Reached target" in host.run("journalctl", "-b", "--no-pager").stdout
    assert len({host.boot_id for host in bed.hosts.values()}) == 3


def test_power_cut_keeps_the_disk_and_a_fresh_disk_does_not(bed: Bed) -> None:
    host = bed.host("h1")
    boot = host.boot_id
    host.run("touch", "/srv/kept")
    host.power_cut()
    assert connects(host) == "ConnectionRefusedError"
    assert connects(bed.host("h2")) == "banner"
    host.start()
    assert host.boot_id != boot
    host.run("test", "-e", "/srv/kept")
    host.fresh_disk()
    assert host.run("test", "-e", "/srv/kept", check=False).returncode == 1


def test_silence_is_silent(bed: Bed) -> None:
    host = bed.host("h1")
    host.cut_cable()
    assert connects(host) in ("silence", "OSError")
    host.heal_cable()
    wait_for(lambda: connects(host) == "banner", "the cable is back")
    host.freeze()
    assert connects(host) == "silence"
    host.thaw()
    assert connects(host) == "banner"
    host.power_cut(silent=True)
    assert connects(host) in ("silence", "OSError")
    host.start()
    assert connects(host) == "banner"


def test_reboot_from_inside(bed: Bed) -> None:
    host = bed.host("h1")
    boot = host.boot_id
    host.run("systemctl", "reboot")
    wait_for(lambda: host.is_on and connects(host) == "banner" and host.run("true", check=False).returncode == 0, "up")
    host.wait_until_up()
    assert host.boot_id != boot


OWNER = """
import sys, time
from tests.hosts.bed import Bed
with Bed(1) as bed:
    print(bed.names.number, flush=True)
    bed.host("h1").freeze()
    time.sleep(600)
"""


@pytest.mark.usefixtures("bed_of_three")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_bed_ends_with_its_owner(number: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert owner.stdout is not None
    names = remains.Names(int(owner.stdout.readline()))
    assert names.cgroup.exists() and names.folder.exists()
    owner.send_signal(number)
    owner.wait()
    owner.stdout.close()
    wait_for(lambda: not names.folder.exists(), "the keeper has cleaned up")
    assert not names.cgroup.exists()
    left = [path.name for path in Path("/sys/class/net").glob(f"{names.prefix}*")]
    left += [path.name for path in Path("/run/netns").glob(f"{names.prefix}-*")]
    assert left == []

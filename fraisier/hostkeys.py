"""Host keys that this machine does not know yet: found, shown with their fingerprints, and written down once somebody says yes.

The only place that starts ssh-keygen and ssh-keyscan. Whether a key is known is asked of the same files that ssh will read.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraisier.connection import DESTINATION, way_through_bastion
from fraisier.errors import TargetUnreachable

if TYPE_CHECKING:
    from fraisier.plan import Plan

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class UnknownKeys:
    """Keys that a machine shows: ``name`` as known_hosts has it, the lines for that file, and their fingerprints."""

    name: str
    file: Path
    lines: tuple[str, ...]
    fingerprints: tuple[str, ...]

    def record(self) -> None:
        """From now on the keys are known."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.file.open("a") as file:
            file.write("".join(f"{line}\n" for line in self.lines))


def unknown_keys(
    plan: Plan, environ: Mapping[str, str], peers: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[UnknownKeys]:
    """Keys of the plan's bastions and hosts that are not known, one machine at a time: the next is asked when this one was dealt with.

    ``peers``: how inventories of the user's own reach hosts. What is reached in a way that only Ansible can tell is left to ssh.
    """
    seen: set[tuple[str, ...]] = set()
    for name, ours in plan.hosts.items():
        theirs = (peers or {}).get(name, {})
        variables = {**theirs, **ours}
        if (
            "ansible_ssh_common_args" in theirs
            or variables.get("ansible_connection", "ssh") != "ssh"
            or "{{" in str(theirs)
        ):
            continue
        arguments = str(variables.get("ansible_ssh_common_args", ""))
        known_hosts = [word for word in shlex.split(arguments) if word.startswith("UserKnownHostsFile=")]
        files = ["-o", known_hosts[0]] if known_hosts else []
        through = way_through_bastion(arguments)
        port = ["-p", str(variables["ansible_port"])] if variables.get("ansible_port") else []
        machines: list[tuple[list[str], list[str]]] = [([*files, through[-1]], [])] if through else []
        machines.append(([*files, *port, str(variables.get("ansible_host") or name)], through))
        for machine, way in machines:
            if (*machine, *way) not in seen and (found := _look(machine, way, environ)):
                yield found
            seen.add((*machine, *way))


def _is_plain(theirs: Mapping[str, Any]) -> bool:
    """Whether what an inventory says of a host is all that ssh will be told: no way of its own, nothing to be worked out."""
    is_ssh = theirs.get("ansible_connection", "ssh") == "ssh"
    return is_ssh and "ansible_ssh_common_args" not in theirs and "{{" not in str(theirs)


def _look(machine: list[str], through: list[str], environ: Mapping[str, str]) -> UnknownKeys | None:
    told = _run(["ssh", "-G", *machine], environ)
    known = dict(line.partition(" ")[::2] for line in told.splitlines())
    address, port = known.get("hostname", machine[-1].removeprefix(DESTINATION)), known.get("port", "22")
    name = known.get("hostkeyalias") or (address if port == "22" else f"[{address}]:{port}")
    own = [
        word.partition("=")[2].strip('"').replace("%%", "%")
        for word in machine
        if word.startswith("UserKnownHostsFile=")
    ]
    files = [Path(os.path.expanduser(file)) for file in own or known.get("userknownhostsfile", "").split()]  # noqa: PTH111  # ssh's ~
    shared = [Path(file) for file in known.get("globalknownhostsfile", "").split()]
    if any(file.is_file() and _knows(file, name) for file in [*files, *shared]):
        return None
    scan = ["ssh-keyscan", "-T", "10", "-p", port, address]
    said = _run([*through, shlex.join(scan)] if through else scan, environ)
    lines = [f"{name} {line.split(' ', 1)[1]}" for line in said.splitlines() if line and not line.startswith("#")]
    if not lines:
        raise TargetUnreachable(f"{name} shows no host key", hint=f"try it by hand: {shlex.join([*through, *scan])}")
    prints = _run(["ssh-keygen", "-lf", "-"], environ, "\n".join(lines) + "\n").splitlines()
    return UnknownKeys(name, files[0] if files else Path.home() / ".ssh/known_hosts", tuple(lines), tuple(prints))


def _knows(file: Path, name: str) -> bool:
    return subprocess.run(["ssh-keygen", "-F", name, "-f", file], capture_output=True, check=False).returncode == 0


def _run(command: list[str], environ: Mapping[str, str], text: str = "") -> str:
    try:
        done = subprocess.run(
            command, env=dict(environ), input=text, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError:
        raise TargetUnreachable(
            f"{command[0]} is not installed on this machine", hint="apt-get install openssh-client"
        ) from None
    except subprocess.TimeoutExpired:
        raise TargetUnreachable(f"`{shlex.join(command)}` did not end within {TIMEOUT_SECONDS} s") from None
    return done.stdout

"""2. How a host is reached: its connection variables, and what to type when it is not. Pure, as compiling is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fraisier.plan import Secrets, Template, digest
from fraisier.variables import trusted

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.fraise_types.settings import Host

ALIVE = ("-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=3")
"""A peer that vanished without a word counts as gone after about 10 seconds; without these, ssh waits for ever."""
PEERS = (
    *("ansible_connection", "ansible_host", "ansible_port", "ansible_user"),
    *("ansible_ssh_private_key_file", "ansible_ssh_common_args", "ansible_control_path"),
)
"""Variables that decide whom a connection reaches, and as whom."""
KEY_IS_UNKNOWN = "Host key verification failed"
KEY_HAS_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
LOST_BEFORE_IT_BEGAN = "UNKNOWN port"
"""What ssh says of its connection when the command that makes it, the ssh to the bastion, has ended."""
DESTINATION = "ssh://"


def connection_variables(resolved: ResolvedFraise, host: Host, secrets: Secrets) -> dict[str, Any]:
    """Variables of one host: how it is reached, its labels and its own; what it does not say itself comes from the environment."""
    found = _local() if resolved.settings.connection == "local" else _over_ssh(resolved, host)
    if host.labels:
        found["fraisier_labels"] = dict(host.labels)
    own = {key: trusted(value, f"{host.name}_{key}", secrets) for key, value in host.vars.items()}
    theirs = resolved.estate.peers.get(host.name, {}) if resolved.estate else {}
    return _with_a_connection_of_its_own(found | own, theirs)


def inventory_groups(resolved: ResolvedFraise) -> dict[str, tuple[str, ...]]:
    """Groups of the inventory: those of fraises.yaml, and one for each label and text, such as ``region_eu``."""
    found = {name: list(members) for name, members in resolved.groups.items()}
    for host in resolved.settings.hosts:
        for label, text in host.labels.items():
            name = re.sub(r"[^A-Za-z0-9_]|^(?=[0-9])", "_", f"{label}_{text}")
            members = found.setdefault(name, [])
            if host.name not in members:
                members.append(host.name)
    return {name: tuple(members) for name, members in sorted(found.items())}


def _local() -> dict[str, Any]:
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": Template("{{ ansible_playbook_python }}"),
    }


def _over_ssh(resolved: ResolvedFraise, host: Host) -> dict[str, Any]:
    settings = resolved.settings
    key = _on_controller(resolved, host.ssh_key or settings.ssh_key)
    known_hosts = _on_controller(resolved, host.known_hosts or settings.known_hosts)
    found = {
        "ansible_host": host.address or ("" if _is_known(resolved, host) else host.name),
        "ansible_port": host.port or settings.port,
        "ansible_user": host.user or settings.user,
        "ansible_ssh_private_key_file": key,
        "ansible_ssh_common_args": _common_arguments(host.bastion or settings.bastion, key, known_hosts),
        "ansible_python_interpreter": settings.python_interpreter,
    }
    return {name: value for name, value in found.items() if value}


def _is_known(resolved: ResolvedFraise, host: Host) -> bool:
    """Whether an inventory of the user's own has the host, and says how it is reached."""
    return resolved.estate is not None and host.name in resolved.estate.labels


def _on_controller(resolved: ResolvedFraise, path: str | None) -> str:
    """A path as ssh reads it wherever it runs: relative ones start at fraises.yaml, ``~`` is left to ssh."""
    if not path:
        return ""
    whole = path if path.startswith(("/", "~")) else f"{resolved.root}/{path}"
    return whole.replace("%", "%%")  # ssh would read one as the beginning of a token


def _common_arguments(bastion: str | None, key: str, known_hosts: str) -> str:
    """Arguments of every ssh to the host, as Ansible splits them: by a shell's rules."""
    files = ["-o", f'UserKnownHostsFile="{known_hosts}"'] if known_hosts else []
    if not bastion:
        return shlex.join(files)
    return shlex.join(["-o", f"ProxyCommand={_jump(bastion, key, files)}", *files])


def _jump(bastion: str, key: str, files: list[str]) -> str:
    """The command that connects through the bastion. ProxyJump would give neither key nor known_hosts to the ssh that it starts.

    A shell runs it, after ssh has replaced its tokens: every word is quoted, every percent sign doubled once more.
    """
    words = ["ssh", "-o", "ConnectTimeout=10", *ALIVE, *files]
    words += ["-o", f'IdentityFile="{key}"'] if key else []
    destination = shlex.quote(f"{DESTINATION}{bastion}")
    return (
        f"{shlex.join(words)} -o BatchMode=yes".replace("%", "%%")
        + f" -W '[%h]:%p' -- {destination.replace('%', '%%')}"
    )


def _with_a_connection_of_its_own(ours: dict[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Ansible keeps connections by address, port and user alone: two networks behind two bastions may have the same addresses."""
    known = {**theirs, **ours}
    if not {"ansible_ssh_common_args", "ansible_ssh_private_key_file"} & set(known) or "ansible_control_path" in known:
        return ours
    return {**ours, "ansible_control_path": f"%(directory)s/{digest([known.get(each) for each in PEERS])[:10]}"}


def said(message: str) -> str:
    """What ssh said, without the words that Ansible puts around it."""
    return message.rpartition("can be reached over ssh: ")[2] or message


def advice(message: str, variables: Mapping[str, Any], name: str) -> str | None:
    """What to do about a host that could not be reached, where ssh's words and its connection variables tell."""
    text = str(variables.get("ansible_ssh_common_args", ""))
    arguments, through = _options(text), way_through_bastion(text)
    if LOST_BEFORE_IT_BEGAN in message and through:
        return f"there is no way through the bastion; ssh says why, and asks about an unknown key: `{shlex.join([*through, 'true'])}`"
    if KEY_HAS_CHANGED not in message and KEY_IS_UNKNOWN not in message:
        return None
    file = arguments.get("UserKnownHostsFile", "").strip('"').replace("%%", "%")
    address, port = str(variables.get("ansible_host", name)), str(variables.get("ansible_port") or "")
    if KEY_HAS_CHANGED in message:
        forget = ["ssh-keygen", *(["-f", file] if file else []), "-R", f"[{address}]:{port}" if port else address]
        return f"the key of {address} is not the one that is known: find out why before you type `{shlex.join(forget)}`"
    scan = shlex.join(
        [*(["ssh", through[-1]] if through else []), "ssh-keyscan", *(["-p", port] if port else []), address]
    )
    return (
        f"the key of {address} is not known here: `fraisier bootstrap` shows it and asks, or type "
        f"`{scan} >> {shlex.quote(file) if file else '~/.ssh/known_hosts'}` and compare it with the host's own"
    )


def _options(command: str) -> dict[str, str]:
    """Options of an ssh by name, and its destination; nothing when it is not for us to read."""
    try:
        words = shlex.split(command)
    except ValueError:  # of a user's own making
        return {}
    found = dict(word.split("=", 1) for word in words if re.match(r"[A-Za-z]+=", word))
    return {**found, DESTINATION: words[-1]} if words and words[-1].startswith(DESTINATION) else found


def way_through_bastion(arguments: str) -> list[str]:
    """The ssh to the bastion that common arguments of ours name, its destination last; nothing without one."""
    command = _options(arguments).get("ProxyCommand", "").replace("%%", "%")
    words = shlex.split(command) if DESTINATION in _options(command) else []
    return [*words[: words.index("BatchMode=yes") - 1], words[-1]] if "BatchMode=yes" in words else []

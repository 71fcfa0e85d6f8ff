"""A warm Ansible process beside the guardian: ansible-core is imported once, early, and each run is a fork of it.

Importing ansible-core and reading its plugins' documentation takes most of a second of every `ansible-playbook`. The guardian starts the
process (``start``) while the deployment is still being resolved and compiled; ``bin/ansible-playbook``, first on the PATH of a run, hands
over to it (``hand_over``), and becomes the plain `ansible-playbook` whenever there is nobody to hand over to.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

BIN = Path(__file__).with_name("bin")
ADDRESS = "FRAISIER_WARM_SOCKET"
SWITCH = "FRAISIER_WARM"
"""Set to 0 by people who want every run to be a plain `ansible-playbook`."""


def variables(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What the shim reads: where to hand over to, and the Python that it runs with. Empty when ``environ`` says that nobody wants it."""
    if environ.get(SWITCH) == "0":
        return {}
    return {ADDRESS: str(folder / "warm"), "FRAISIER_PYTHON": sys.executable}


def start(folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """Start the process; None where it cannot be, or is not wanted. It dies with us.

    The socket listens before the process is there: a run that comes early waits instead of starting an interpreter of its own, and
    finds nobody, at once, when the process died.
    """
    if ADDRESS not in environ:
        return None
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(environ[ADDRESS])
            listener.listen()
        except OSError:  # the path is too long for a socket
            return None
        return subprocess.Popen(
            [sys.executable, "-m", "fraisier.run.warm.server", str(listener.fileno()), str(os.getpid())],
            pass_fds=[listener.fileno()],
            cwd=folder,
            env=_as_of_a_run(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _as_of_a_run(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of a run, which ansible-core reads once: what ansible-runner adds to our environment is foreseen here."""
    callbacks = (environ.get("ANSIBLE_CALLBACK_PLUGINS"), environ.get("AWX_LIB_DIRECTORY"))
    return {
        **environ,
        "ANSIBLE_CALLBACK_PLUGINS": ":".join(filter(None, callbacks)),
        "ANSIBLE_STDOUT_CALLBACK": "awx_display",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
    }

"""The unit that the systemd role writes: golden files, and systemd's own opinion of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from estate import ROOT, Estate

GOLDEN = Path(__file__).parent / "units"
CASES: dict[str, dict[str, Any]] = {
    "system": {
        "fraisier_systemd_unit": "my_api.service",
        "fraisier_systemd_description": "Customer API,\n100 % ours",
        "fraisier_systemd_exec": "venv/bin/python app.py --port ${PORT} --rate 5%",
        "fraisier_systemd_user": "deploy",
        "fraisier_systemd_group": "www-data",
        "fraisier_systemd_options": {
            "MemoryMax": "512M",
            "Restart": "always",
            "ReadWritePaths": ["/srv/my_api/shared", "/var/tmp"],
        },
        "fraisier_systemd_environment": {"TOKEN": "s3cret"},
        "fraisier_systemd_credentials": {"token": "s3cret", "signing-key.pem": "s3cret"},
    },
    "user": {
        "fraisier_systemd_unit": "my_api.service",
        "fraisier_systemd_exec": "python3 -m http.server",
        "fraisier_systemd_scope": "user",
        "fraisier_systemd_user": "nobody-asks",
        "fraisier_systemd_stop_timeout_seconds": 7,
    },
}


def render(estate: Estate, variables: dict[str, Any]) -> str:
    """The template through the role's own defaults and variables; the role's task itself needs a systemd."""
    playbook, out = estate.folder / "render.yml", estate.folder / "unit"
    role = ROOT / "roles" / "systemd"
    playbook.write_text(f"""
- hosts: all
  gather_facts: false
  vars_files: [{role}/defaults/main.yml, {role}/vars/main.yml]
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ lookup('ansible.builtin.template', '{role}/templates/unit.service.j2') }}}}"
        dest: {out}
        mode: "0644"
""")
    estate.play(playbook, fraisier_app_path="/srv/my_api", **variables).ok()
    return out.read_text()


@pytest.mark.parametrize("name", CASES)
def test_unit_is_the_golden_one_and_systemd_likes_it(name: str, estate: Estate) -> None:
    text = render(estate, CASES[name])
    assert text == (GOLDEN / f"{name}.service").read_text()
    assert "s3cret" not in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed on this machine")
    said = verify(estate.folder, text, name)
    assert said == ""


def verify(folder: Path, text: str, scope: str) -> str:
    """The command and the folder need not exist here; everything else that systemd says counts."""
    unit = folder / "my_api.service"
    unit.write_text(
        text.replace("/srv/my_api/current/venv/bin/python", "/bin/true").replace("=python3 ", "=/bin/true ")
    )
    argv = ["systemd-analyze", "verify", "--man=no", f"--{scope}", str(unit)]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)},
    )
    return "\n".join(line for line in done.stderr.splitlines() if "my_api.service" in line)


def test_line_breaks_and_percent_signs_cannot_add_settings(estate: Estate) -> None:
    text = render(
        estate,
        CASES["system"]
        | {
            "fraisier_systemd_description": "x\nExecStartPre=/bin/evil",
            "fraisier_systemd_exec": "run\nExecStop=/bin/evil",
        },
    )
    settings = [line.partition("=")[0] for line in text.splitlines()]
    assert "ExecStartPre" not in settings and "ExecStop" not in settings

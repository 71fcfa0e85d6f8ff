"""What the role server writes: golden units that systemd likes and finds locked up, and secrets that come out as they went in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from estate import ROOT, Estate

GOLDEN = Path(__file__).parent / "units"
ROLE = ROOT / "roles" / "server"
MOST_EXPOSED = 2.0
"""Of 10, by `systemd-analyze security`; a unit without any sandbox has 9.6."""


def render(estate: Estate, template: str, item: str = "", **variables: Any) -> str:
    playbook, out = estate.folder / "render.yml", estate.folder / "out"
    playbook.write_text(f"""
- hosts: all
  gather_facts: false
  vars_files: [{ROLE}/defaults/main.yml, {ROLE}/vars/main.yml]
  tasks:
    - ansible.builtin.template:
        src: {ROLE}/templates/{template}
        dest: {out}
        mode: "0600"
      loop: ["{item}"]
""")
    estate.play(playbook, **variables).ok()
    return out.read_text()


@pytest.mark.parametrize("name", ["server", "worker"])
def test_unit_is_the_golden_one_and_systemd_likes_it(name: str, estate: Estate) -> None:
    options = {"MemoryMax": "512M", "ReadWritePaths": ["/srv/a", "/srv/b"]}
    text = render(estate, "unit.service.j2", name, fraisier_server_worker_options=options)
    assert text == (GOLDEN / f"fraisier-{name}.service").read_text()
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed on this machine")
    unit = estate.folder / f"fraisier-{name}.service"
    unit.write_text(text.replace("/opt/fraisier/bin/fraisier", "/bin/true"))
    verified = analyze(estate, "verify", "--man=no", str(unit))
    assert [line for line in verified.stderr.splitlines() if unit.name in line] == []
    exposure = analyze(estate, "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", str(unit))
    assert exposure.returncode == 0, exposure.stdout[-2000:]


def analyze(estate: Estate, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(estate.folder), "SYSTEMD_COLORS": "0"}
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, env=environ, check=False)


def test_secrets_come_out_of_the_file_as_they_went_in(estate: Estate) -> None:
    secrets = {"PLAIN": "abc", "ODD": "a \"b\" 'c' $HOME `id` \\d #e=f", "NUMBER": 5}
    text = render(estate, "environment.j2", fraisier_server_environment=secrets)
    assert 'PLAIN="abc"' in text and 'NUMBER="5"' in text
    assert 'FRAISIER_DATABASE_URL="sqlite:////var/lib/fraisier/fraisier.db"' in text
    # What is special inside double quotes is so in a shell, too.
    script = f'. {estate.folder}/out; printf %s "$ODD"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout == secrets["ODD"]

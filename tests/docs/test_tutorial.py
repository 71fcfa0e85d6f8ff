"""The tutorial, run as it stands: every shell block in order, in a home of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.docs.pages import blocks

TUTORIAL = "docs/tutorial/first-deployment.md"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Reader:
    """Somebody who follows the tutorial, in ``home``; the service listens elsewhere than on a port that may be taken."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home
        self.port = free_port()

    def run(self, block: str) -> str:
        """Run a block as a shell would that was left in the last folder; every command must succeed."""
        script = f'set -eu -o pipefail\n{block.replace("8000", str(self.port))}\npwd >"$HOME/.folder"\n'
        environ = {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
        }
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        self.folder = Path((self.home / ".folder").read_text().strip())
        if (config := self.home / "first" / "fraises.yaml").exists():
            config.write_text(config.read_text().replace("8000", str(self.port)))
        return done.stdout + done.stderr

    def greeting(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            return str(json.load(answer)["greeting"])


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_the_tutorial_works_as_written(reader: Reader) -> None:
    script = [block.text for block in blocks(TUTORIAL, "sh")]
    assert len(script) >= 10
    *steps, clean_up = script
    assert clean_up.startswith("kill ")
    said = ""
    try:
        for step in steps:
            said += reader.run(step)
        assert reader.greeting() == "Hello", "the rollback leads back to the first version"
    finally:
        if (reader.home / "fraises/my_api/supervisor/run/supervisord.pid").exists():
            reader.run(clean_up)
    for sign in ("nothing was changed", "unchanged in", "exit code 5", "rolled_back in", "rollback", "healthy"):
        assert sign in said, f"'{sign}' is missing in\n{said}"
    greetings = [line.split('"greeting": ')[1].split("}")[0] for line in said.splitlines() if '"greeting"' in line]
    assert greetings == ['"Hello"', '"Hello again"', '"Hello again"', '"Hello"']

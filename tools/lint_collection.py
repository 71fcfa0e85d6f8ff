"""Run ansible-lint where ansible-core can find the collection: a folder with the path it expects, linked to this checkout."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ansible_collections" / "fraisier"
        place.mkdir(parents=True)
        (place / "deploy").symlink_to(ROOT)
        environ = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": folder, "ANSIBLE_HOME": f"{folder}/home"}
        command = [
            "ansible-lint",
            "--offline",
            "--profile",
            "production",
            "--strict",
            "roles",
            "playbooks",
            "meta",
            "galaxy.yml",
        ]
        return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

"""Hosts that the inventory plugin of `amazon.aws` finds by EC2 tags. EC2 is moto's; the hosts behind its instances are folders here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import FRAISIER
from tests.amazon import CannotFetch, Ec2, collection
from tests.backends import aws

# As in docs/how-to/aws.md, save the connection: behind an instance of moto's is nothing.
INVENTORY = f"""\
plugin: amazon.aws.aws_ec2
regions: [eu-west-1]
filters: {{instance-state-name: running, "tag:managed_by": fraisier}}
hostnames: ["tag:Name"]
keyed_groups:
  - {{key: tags.role, prefix: "", separator: ""}}
compose:
  fraisier_labels: tags
  ansible_host: private_ip_address
  ansible_connection: "'local'"
  ansible_python_interpreter: "'{sys.executable}'"
"""
CONFIG = """\
fraises:
  import_orders:
    type: etl
    git_repo: {root}/repository
    script: import.sh
    run: {{manager: none}}
    environments:
      production:
        inventory: aws_ec2.yml
        inventory_environment: [AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]
        select: "{select}"
        app_path: /srv/import_orders
        vars: {{fraisier_app_path: "{root}/hosts/{{{{ inventory_hostname }}}}"}}
"""


@dataclass
class Fleet:
    root: Path
    ec2: Ec2
    collections: Path

    @property
    def environ(self) -> dict[str, str]:
        git = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return git | self.ec2.aws.environ | {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "FRAISIER_CONFIG": str(self.root / "fraises.yaml"),
            "FRAISIER_DATABASE_URL": f"sqlite:///{self.root / 'fraisier.db'}",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }  # fmt: skip

    def git(self, *arguments: str) -> None:
        argv = ["git", "-C", str(self.root / "repository"), *arguments]
        subprocess.run(argv, env=self.environ, check=True, capture_output=True)

    def release(self, text: str) -> None:
        script = self.root / "repository" / "import.sh"
        script.write_text(f"#!/bin/sh\necho {text}\n")
        script.chmod(0o755)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)

    def select(self, pattern: str) -> None:
        (self.root / "fraises.yaml").write_text(CONFIG.format(root=self.root, select=pattern))

    def deploy(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        done = subprocess.run(
            [FRAISIER, "deploy", "import_orders", "production", "--json", *arguments],
            env=self.environ,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == expect, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return dict(json.loads(done.stdout)["deployment"]) if not expect else {"error": done.stdout + done.stderr}

    def serving(self) -> dict[str, str]:
        """What each host has, by name."""
        found = {path.parents[1].name: path for path in (self.root / "hosts").glob("*/current/import.sh")}
        return {name: path.read_text().split()[-1] for name, path in sorted(found.items())}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    try:
        collections = collection(tmp_path)
    except CannotFetch as reason:
        pytest.skip(f"the collection amazon.aws cannot be fetched: {reason}")
    with aws(tmp_path) as found:
        fleet = Fleet(tmp_path, Ec2(found), collections)
        (tmp_path / "repository").mkdir()
        fleet.git("init", "--quiet", "--initial-branch=main")
        (tmp_path / "aws_ec2.yml").write_text(INVENTORY)
        yield fleet


def test_ec2_tags_are_groups_and_labels_to_select_by(fleet: Fleet) -> None:
    ours = {"managed_by": "fraisier"}
    fleet.ec2.start("etl1", role="etl", stage="blue", **ours)
    green = fleet.ec2.start("etl2", role="etl", stage="green", **ours)
    fleet.ec2.start("web1", role="web", stage="blue", **ours)
    fleet.ec2.start("theirs", role="etl")
    for name in ("etl1", "etl2", "etl3", "web1", "theirs"):
        (fleet.root / "hosts" / name).mkdir(parents=True)
    fleet.release("one")
    fleet.select("@etl")
    done = fleet.deploy("--limit", "stage=green")
    assert (done["status"], fleet.serving()) == ("success", {"etl2": "one"}), "a tag is a label, also of a limit"

    fleet.ec2.stop(green)
    fleet.ec2.start("etl3", role="etl", stage="blue", **ours)
    fleet.release("two")
    assert fleet.deploy()["status"] == "success"
    assert fleet.serving() == {"etl1": "two", "etl2": "one", "etl3": "two"}, "who is there now, and nobody else"

    fleet.select("@etl,&stage=red")
    assert "no host of the inventory matches select" in fleet.deploy(expect=3)["error"]

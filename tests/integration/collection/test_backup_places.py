"""Copies in other places than a folder of the host: another host over a real ssh, a bucket of moto's S3, repositories of restic.

What is kept is read there before it counts, damage is found, and nothing that opens a place stands in an argv.
"""

from __future__ import annotations

import getpass
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from databases import fill_sqlite
from direct import perform

from tests import backends
from tests.sshd import SSHD, Server, sshd

PASSWORD, SECRET_KEY = "hunter2-of-restic", "hunter2-of-the-bucket"
pytestmark = [
    pytest.mark.skipif(shutil.which(tool) is None and not os.environ.get("CI"), reason=f"{tool} is not installed")
    for tool in ("rclone", "restic", "rsync", SSHD)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sshd(tmp_path_factory.mktemp("sshd"), more=["Subsystem sftp internal-sftp"]) as found:
        yield found


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import boto3

    with backends.aws(tmp_path_factory.mktemp("s3")) as found:
        access = {"aws_access_key_id": "x", "aws_secret_access_key": SECRET_KEY}
        client = boto3.client("s3", endpoint_url=found.url, region_name="us-east-1", **access)
        client.create_bucket(Bucket="copies")
        client.close()
        yield found.url


@dataclass
class Place:
    """Where copies go: ``destination`` as the plugins take it, ``source`` what is copied; programs note their argv."""

    folder: Path
    destination: dict[str, Any]
    source: dict[str, Any]

    def act(self, action: str, **more: Any) -> dict[str, Any]:
        given = {"app_path": str(self.folder / "app"), "name": "shop", "source": self.source}
        given |= {"destination": self.destination, "lock_timeout_seconds": 0, "timeout_seconds": 120}
        return perform(action, given | more, path=f"{self.folder}/bin:{os.environ['PATH']}")

    def good(self, action: str, **more: Any) -> dict[str, Any]:
        found = self.act(action, **more)
        assert not found.get("failed"), found
        return found

    @property
    def argvs(self) -> str:
        """What our programs were called with; '' where none was."""
        noted = self.folder / "argvs"
        return noted.read_text() if noted.exists() else ""


def noting(folder: Path, *names: str) -> None:
    (folder / "bin").mkdir()
    for name in names:
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/argvs\nexec {shutil.which(name)} "$@"\n')
        program.chmod(0o755)


@pytest.fixture(params=["folder", "host", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    destination: dict[str, Any] = {"path": str(tmp_path / "the copies"), "password": PASSWORD}
    if request.param == "host":
        server: Server = request.getfixturevalue("server")
        ssh = {"port": server.port, "ssh_key": str(server.key), "known_hosts": str(server.known_hosts)}
        destination |= {"host": f"{getpass.getuser()}@127.0.0.1", **ssh}
    if request.param == "s3":
        url: str = request.getfixturevalue("s3")
        access = {"access_key": "x", "secret_key": SECRET_KEY, "endpoint": url, "region": "us-east-1"}
        destination |= {"path": f"/{tmp_path.name}", "bucket": "copies", **access}
    noting(tmp_path, "rclone", "restic", "rsync", "ssh")
    return destination


@pytest.fixture
def dumps(kept: dict[str, Any], tmp_path: Path) -> Place:
    fill_sqlite(tmp_path / "shop.db")
    return Place(tmp_path, kept, {"kind": "sqlite", "path": str(tmp_path / "shop.db"), "min_tables": 2})


@pytest.fixture
def files(kept: dict[str, Any], tmp_path: Path) -> Place:
    tree = tmp_path / "up [loads]"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "a.txt").write_text("first")
    (tree / "draft.tmp").write_text("left out")
    (tmp_path / "one.conf").write_text("one")
    return Place(
        tmp_path, kept, {"kind": "files", "paths": [str(tree), str(tmp_path / "one.conf")], "exclude": ["*.tmp"]}
    )


def test_dump_goes_there_is_read_there_and_comes_back(dumps: Place) -> None:
    ready = dumps.good("backup", state="ready")
    assert (ready["healthy"], ready["changed"], ready["copies"]) == (True, False, [])
    first = dumps.good("backup")
    assert (first["taken"], first["verified"], first["tables"]) == (True, True, 2)
    again = dumps.good("backup", state="verified")
    assert (again["copy"], again["sha256"], again["changed"]) == (first["copy"], first["sha256"], False)
    second = dumps.good("backup", retention={"keep_last": 1})
    assert (second["removed"], second["copies"]) == ([first["copy"]], [second["copy"]])
    with closing(sqlite3.connect(dumps.source["path"])) as database, database:
        database.execute("DROP TABLE note")
    back = dumps.good("restore")
    assert (back["restored"], back["copy"]) == (True, second["copy"])
    with closing(sqlite3.connect(dumps.source["path"])) as database:
        assert database.execute("SELECT count(*) FROM note").fetchone()[0] > 0
    assert not list((dumps.folder / "app").rglob(".fraisier-work.*"))
    assert "hunter2" not in dumps.argvs


def test_files_are_kept_encrypted_proven_pruned_and_come_back(files: Place) -> None:
    assert files.good("backup", state="ready")["healthy"] is True
    first = files.good("backup")
    assert (first["taken"], first["verified"]) == (True, True)
    assert first["files"] >= 3
    tree = Path(files.source["paths"][0])
    (tree / "deep" / "a.txt").write_text("second")
    second = files.good("backup", retention={"keep_last": 2})
    assert second["copies"] == [first["copy"], second["copy"]]
    back = files.good("restore", at=first["copy"])
    assert (back["restored"], back["copy"]) == (True, first["copy"])
    assert (tree / "deep" / "a.txt").read_text() == "first"
    assert not (tree / "draft.tmp").exists()
    (before, _) = back["before"].split(", ")
    assert (Path(before) / "deep" / "a.txt").read_text() == "second"
    assert not list(files.folder.glob(".fraisier-restore-*"))
    last = files.good("backup", retention={"keep_last": 1})
    assert last["removed"] == [first["copy"], second["copy"]]
    assert files.good("restore", state="listed")["copies"] == [last["copy"]]
    assert files.good("backup", state="verified")["copy"] == last["copy"]
    assert "hunter2" not in files.argvs
    (files.folder / "one.conf").unlink()
    gone = files.act("backup")
    assert gone["failed"]
    assert "one.conf is not there" in gone["msg"]
    assert files.good("restore", state="listed")["copies"] == [last["copy"]]


@pytest.mark.parametrize("kept", ["folder"], indirect=True)
def test_files_whose_repository_is_damaged_or_locked_away_are_not_claimed(files: Place) -> None:
    copy = files.good("backup")["copy"]
    wrong = files.act("backup", destination=files.destination | {"password": "another"})
    assert "the repository cannot be opened" in wrong["msg"]
    packs = [path for path in (files.folder / "the copies" / "shop" / "data").rglob("*") if path.is_file()]
    for pack in packs:
        pack.chmod(0o600)
        pack.write_bytes(bytes(20) + pack.read_bytes()[20:])
    bad = files.act("backup", state="verified")
    assert bad["failed"]
    assert not bad["verified"]
    assert f"the copy of {copy} is not good" in bad["msg"]


@pytest.mark.parametrize("kept", ["host"], indirect=True)
def test_damage_there_and_a_key_that_is_not_known_are_found(dumps: Place) -> None:
    copy = dumps.good("backup")["copy"]
    dump = dumps.folder / "the copies" / "shop" / copy / "dump.gz"
    dump.write_bytes(dump.read_bytes()[:-9] + b"damaged!!")
    bad = dumps.act("backup", state="verified")
    assert f"the copy of {copy} is not good: a checksum does not hold" in bad["msg"]
    assert bad["bad"] == [copy]
    assert dumps.good("restore", state="listed")["copies"] == []
    (dumps.folder / "nobody").write_text("")
    stranger = dumps.act("backup", destination=dumps.destination | {"known_hosts": str(dumps.folder / "nobody")})
    assert "Host key verification failed" in stranger["msg"]
    assert not stranger["verified"]


@pytest.mark.parametrize("kept", ["host"], indirect=True)
def test_what_arrives_otherwise_than_it_was_sent_has_no_name(dumps: Place) -> None:
    """An rsync of our own damages what it has sent."""
    there = dumps.folder / "the copies" / "shop"
    (dumps.folder / "bin" / "rsync").write_text(
        f'#!/bin/sh\n{shutil.which("rsync")} "$@" || exit\nfor f in "{there}"/.fraisier-incoming.*/dump.gz; do echo x >>"$f"; done\n'
    )
    bad = dumps.act("backup")
    assert f"the copy has not arrived whole ({getpass.getuser()}@127.0.0.1)" in bad["msg"]
    assert not bad["verified"]
    assert dumps.good("restore", state="listed")["copies"] == []


@pytest.mark.parametrize("kept", ["s3"], indirect=True)
def test_copy_in_a_bucket_without_its_last_object_is_none(dumps: Place) -> None:
    import boto3

    copy = dumps.good("backup")["copy"]
    access = {"aws_access_key_id": "x", "aws_secret_access_key": SECRET_KEY}
    client = boto3.client("s3", endpoint_url=dumps.destination["endpoint"], region_name="us-east-1", **access)
    folder = f"{dumps.destination['path'].strip('/')}/shop"
    client.put_object(Bucket="copies", Key=f"{folder}/20990101T000000Z/dump.gz", Body=b"half")
    assert dumps.good("restore", state="listed")["copies"] == [copy]
    client.put_object(Bucket="copies", Key=f"{folder}/{copy}/dump.gz", Body=b"damaged")
    bad = dumps.act("backup", state="verified")
    assert f"the copy of {copy} is not good" in bad["msg"]
    assert dumps.good("restore", state="listed")["copies"] == []
    client.close()
    missing = dumps.act("backup", destination=dumps.destination | {"bucket": "nobodys"}, state="ready")
    assert missing["healthy"] is False
    assert "the bucket nobodys cannot be listed" in missing["msg"]

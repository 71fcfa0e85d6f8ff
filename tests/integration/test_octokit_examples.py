"""GitHub's deliveries as its users have collected them: the npm package @octokit/webhooks-examples, where npm can be had."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fraisier.git import PROVIDERS, WebhookEvent
from tests.unit.git.promises import keeps_its_promises

PACKAGE = "@octokit/webhooks-examples@7.6.1"
SERVERS = ("api.github.com", "ghes-31", "ghes-32", "ghes-33", "ghes-34", "ghes-35")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unpacked."""
    folder = tmp_path_factory.mktemp("npm")
    npm = ["npm", "pack", "--silent", "--prefer-offline", "--fetch-retries=0", PACKAGE]
    try:
        subprocess.run(npm, cwd=folder, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no examples of octokit: {error}")
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


def deliveries(examples: Path, server: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Word of the event and document."""
    for entry in json.loads((examples / server / "index.json").read_text()):
        yield from ((entry["name"], document) for document in entry["examples"])


def said(word: str, document: dict[str, Any]) -> list[WebhookEvent]:
    return PROVIDERS["github"].parse({"X-GitHub-Event": word}, json.dumps(document).encode())


@pytest.mark.parametrize("server", SERVERS)
def test_every_example_is_read_and_only_pushes_of_branches_deploy(server: str, examples: Path) -> None:
    found = list(deliveries(examples, server))
    assert len(found) > 20
    for word, document in found:
        events = said(word, document)
        assert bool(events) is (word in ("push", "ping", "pull_request", "delete"))
        for event in events:
            keeps_its_promises("github", event)
            is_branch = str(document.get("ref")).startswith("refs/heads/")
            assert event.should_deploy is (word == "push" and is_branch and not document["deleted"])
            assert event.commit_sha in (None, (document.get("head_commit") or {}).get("id")) or event.is_merge_request

"""The text of a first fraises.yaml: valid as it is, and it deploys once the repository's address is filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PLACEHOLDER: Final = "https://git.example.com/you/my_api.git"

_STARTER: Final = """\
# What can be deployed, and where to.
#   fraisier config validate           checks this file
#   fraisier deploy @name@ production  deploys
# Every setting with its meaning and default: fraises.example.yaml, and the reference in the documentation.

fraises:
  @name@:
    type: api
    description: "What it is, in a sentence"

    # Where the code comes from@placeholder@. No passwords here: use an ssh key.
    git_repo: @git_repo@

    # How a release is made ready, inside the release. Taken away, nothing is done.
    # install: python3 -m venv venv && venv/bin/pip install -r requirements.txt

    # Files and folders that outlive a release; a trailing slash means a folder.
    # shared: [storage/]

    # What runs, from the folder of the current release. supervisor needs no root (it is installed below app_path);
    # for a server with systemd write manager: systemd.
    service:
      exec: python3 app.py
      manager: supervisor
      environment:
        PORT: "@port@"

    # How one knows that it works, and that the new version answers: GET /health answers 200 with
    # {"version": "<commit>"}. A release holds its commit in the file REVISION.
    health_check:
      url: http://127.0.0.1:@port@/health
      version_json: version
      timeout_seconds: 30

    environments:
      production:
        branch: @branch@
        # Holds releases/, shared/ and current -> the release that runs.
        app_path: @app_path@
        # This machine. For other machines take this line away and write
        #   hosts: [web1.example.com]
        #   user: deploy
        connection: local

# What a push deploys, once a webhook is set up.
branch_mapping:
  @branch@: @name@/production
"""


def starter(
    git_repo: str | None, *, app_path: Path | str, name: str = "my_api", branch: str = "main", port: int = 8000
) -> str:
    """A commented fraises.yaml for one python service on this machine, below the absolute ``app_path``.

    Without ``git_repo`` a placeholder stands there, which is valid and leads nowhere. ``name`` must be a fraise's name.
    """
    words = {
        "name": name,
        "git_repo": _quoted(git_repo or PLACEHOLDER),
        "placeholder": "" if git_repo else ": PUT YOUR REPOSITORY HERE",
        "app_path": _quoted(str(app_path)),
        "branch": _quoted(branch),
        "port": str(port),
    }
    text = _STARTER
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def _quoted(text: str) -> str:
    # what JSON puts in quotes is YAML too; references of ours are escaped
    return json.dumps(text.replace("${", "$${"), ensure_ascii=False)

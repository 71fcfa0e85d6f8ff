"""A configuration with several repositories, branches and hooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from fraisier.config import FraisierConfig
from fraisier.deliveries.desk import Desk

ENVIRON = {
    "GITHUB": "github-secret-of-thirty-characters",
    "GITLAB": "gitlab-secret-of-thirty-characters",
    "PARTNER": "partner-secret-of-thirty-characters",
}
API = "{type: api, install: make, health_check: {url: 'http://127.0.0.1:1/'}, service: {manager: none}, hosts: [web1]"
FRAISES = f"""\
fraises:
  my_api:
    <<: &api {API}}}
    git_repo: https://github.com/octo/my_api.git
    environments:
      production: {{branch: main, app_path: /srv/a}}
      staging: {{branch: develop, app_path: /srv/b}}
  worker:
    <<: *api
    git_repo: git@github.com:octo/my_api.git
    environments:
      production: {{branch: main, app_path: /srv/c}}
  shop:
    <<: *api
    git_repo: https://gitlab.com/group/sub/shop.git
    environments:
      production: {{branch: main, app_path: /srv/d}}
  site:
    <<: *api
    git_repo: https://git.example.com/team/site
    environments:
      production: {{branch: main, app_path: /srv/e}}
"""

Make = Callable[[str], Desk]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A desk of the fraises above and the sections that are given."""

    def made(sections: str) -> Desk:
        path = tmp_path / "fraises.yaml"
        path.write_text(FRAISES + dedent(sections))
        return Desk(FraisierConfig(path, environ=ENVIRON))

    return made

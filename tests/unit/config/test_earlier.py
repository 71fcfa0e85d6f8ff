"""A file for the Fraisier of before: what of its vocabulary loads, and what to write instead of what does not."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from fraisier.config.earlier import INSTEAD
from tests.docs.subjects import MODELS
from tests.unit.config.conftest import Load, Messages

SECRET = "a-secret-of-forty-characters-or-so-for-webhooks"
ENVIRON = {"FRAISIER_WEBHOOK_SECRET": SECRET, "HEALTH_CHECK_TOKEN": "t"}

LOADS = """\
git:
  github: {base_url: https://github.example.com, webhook_secret: "${FRAISIER_WEBHOOK_SECRET}"}
  gitlab: {base_url: https://gitlab.example.com, webhook_secret: !envvar FRAISIER_WEBHOOK_SECRET}
  gitea: {base_url: https://gitea.example.com, webhook_secret: "${FRAISIER_WEBHOOK_SECRET}"}
  bitbucket: {base_url: https://bitbucket.example.com, webhook_secret: "${FRAISIER_WEBHOOK_SECRET}"}
fraises:
  my_api:
    type: api
    description: A GraphQL API
    install: {command: [uv, sync, --frozen]}
    environments:
      development:
        branch: dev
        git_repo: /var/git/dev.git
        app_path: /var/www/dev
        systemd_service: dev.service
        database: {tool: confiture, strategy: rebuild, url: "${DEV_DATABASE_URL:-postgresql:///dev}"}
        health_check: {url: https://dev.example.com/health, auth_token: "${HEALTH_CHECK_TOKEN}"}
      production:
        branch: main
        git_repo: /var/git/production.git
        app_path: /var/www/production
        systemd_service: production.service
        database: {tool: confiture, strategy: apply, url: "${DATABASE_URL:-postgresql:///x}", backup_before_deploy: true}
        health_check: {url: https://www.example.com/health}
        service: {exec: ./run, user: my_api, group: www-data, credentials: {password: "${HEALTH_CHECK_TOKEN}"}, environment: {A: b}}
  pipeline:
    type: etl
    description: Moves data
    environments: {production: {git_repo: /var/git/etl.git, app_path: /var/www/etl, script: scripts/etl/run}}
  statistics:
    type: scheduled
    description: Reports
    git_repo: /var/git/statistics.git
    environments:
      production:
        app_path: /var/www/statistics
        jobs:
          daily: {schedule: "0 2 * * *", command: scripts/daily}
          weekly: {schedule: "0 8 * * 1", command: scripts/weekly, depends_on: daily}
  copies:
    type: backup
    description: Copies of the database
    environments:
      production:
        app_path: /srv/backup
        source: {kind: postgresql}
        destination: {path: /srv/copies}
        schedule: "0 */6 * * *"
environments:
  development: {server: dev.example.com}
  production: {server: www.example.com}
branch_mapping:
  dev: {fraise: my_api, environment: development}
  main:
    - {fraise: my_api, environment: production}
    - {fraise: statistics, environment: production}
"""
IS_CALLED_OTHERWISE = """\
name: my_app
webhook: {self_upgrade: true}
backup: {environments: {}}
git:
  provider: github
  gitlab: {secret_token: "${FRAISIER_WEBHOOK_SECRET}"}
  bitbucket: {server: false}
fraises:
  my_api:
    type: api
    git: {provider: gitlab}
    clone_url: /var/git/production.git
    install: {command: make, user: my_api}
    environments:
      production:
        name: www.example.com
        deploy_user: deployer
        nginx: {server_name: www.example.com}
        smoke_tests: []
        allow_destructive: true
        health_check: {url: https://www.example.com/health, timeout: 30}
        database:
          confiture_config: db/environments/production.yaml
          admin_url: postgresql:///postgres
          restore: {backup_dir: /backup}
          preflight: {enabled: true}
          pre_migrate_dump: {enabled: true}
          post_migrate_check: {enabled: true}
          post_migrate: []
        service:
          type: exec
          port: 8000
          workers: 4
          memory_max: 8G
          cpu_quota: 200%
          runtime_directory: my_app
          exec_start_pre: []
          environment_file: /etc/my_app.env
  pipeline:
    type: etl
    environments:
      production:
        script_path: scripts/etl/run
        dependencies: [pandas]
        notifications: {on_success: scripts/tell}
  statistics:
    type: scheduled
    schedule: "0 2 * * *"
    script: scripts/daily
    dependencies: [pipeline]
    environments:
      production:
        jobs:
          daily:
            name: daily-stats
            description: Every day
            systemd_service: daily.service
            systemd_timer: daily.timer
            script: scripts/daily
            dependencies: [weekly]
  copies:
    type: backup
    environments: {production: {jobs: {local: {retention_days: 7}}}}
environments:
  production: {server: www.example.com, log_dir: /var/log/my_app, notifications: {enabled: true}}
"""


def test_what_has_kept_its_name_loads(load: Load) -> None:
    config = load(LOADS, ENVIRON)
    assert [resolved.target.slug for resolved in config.all()] == [
        "my_api/development",
        "my_api/production",
        "pipeline/production",
        "statistics/production",
        "copies/production",
    ]


def test_what_has_not_is_refused_with_what_to_write_instead(messages: Messages) -> None:
    unknown = [line for line in messages(IS_CALLED_OTHERWISE, ENVIRON) if "unknown key" in line]
    told = {re.sub(r"^fraises.yaml:\S+ (\S+): unknown key, ?.*", r"\1", line): line for line in unknown}
    written = [key for hints in INSTEAD.values() for key in hints]
    assert not [line for line in unknown if line.endswith("unknown key") or "did you mean" in line]
    assert {name.rpartition(".")[2] for name in told} <= set(written)
    assert len(told) == len(unknown) == 45
    assert told["fraises.pipeline.environments.production.script_path"].endswith(
        "write script in an etl, or command in a job of a scheduled fraise"
    )
    assert told["fraises.statistics.environments.production.jobs.daily.dependencies"].endswith("write depends_on")


@pytest.mark.parametrize("model", INSTEAD, ids=lambda model: model.__name__)
def test_what_is_told_is_true(model: type[BaseModel]) -> None:
    """A key that is known again needs no word, and what is to be written instead must be there."""
    assert not set(INSTEAD[model]) & set(model.model_fields) - {"jobs"}
    settings = {name for each in MODELS.values() for name in each.model_fields} | {"a", "an", "it"}
    for hint in INSTEAD[model].values():
        named = re.match(r"write (\w+)", hint)
        assert named is None or named[1] in settings, hint

"""1c. Keys of the Fraisier of before that have another name here, or none: what to write instead. Only for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fraisier.config.model import GitProvider, GitProviders, Top
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.release import Install
from fraisier.fraise_types.scheduled import Job
from fraisier.fraise_types.service import HealthCheck, Service
from fraisier.fraise_types.settings import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

_NO_SCRIPTS = "notifications, at the top, tells all of them; after_<phase> in hooks runs what is yours"

INSTEAD: Final[Mapping[type[BaseModel], Mapping[str, str]]] = {
    Top: {
        "name": "leave it out: units are named as each fraise says",
        "webhook": "server holds what the server of webhooks needs; there is no self-upgrade",
        "backup": "write a fraise of type backup, with its retention",
    },
    GitProviders: {"provider": "leave it out: a webhook is known by its headers, and a repository by its git_repo"},
    GitProvider: {
        "secret_token": "write webhook_secret",
        "server": "leave it out: base_url is that of your own server",
    },
    Placement: {
        "name": "leave it out: a target is called <fraise>/<environment>",
        "git": "write git_repo, and settings of the service in git at the top",
        "clone_url": "write git_repo",
        "deploy_user": "write user, and become_user where it is another one",
        "log_dir": "leave it out: logs go to systemd's journal, or to supervisor's folder",
        "notifications": _NO_SCRIPTS,
        "nginx": "write load_balancer; addresses and certificates of nginx stay yours",
        "smoke_tests": "write health_check, or an after_health hook",
        "script_path": "write script in an etl, or command in a job of a scheduled fraise",
        "script": "write command in a job, below jobs",
        "schedule": "write it in a job, below jobs",
        "dependencies": "write install, for what a release needs; in a job depends_on, for jobs that run before it",
        "jobs": "write a fraise of type scheduled for each release that has jobs; one of type backup for each copy",
        "allow_destructive": "write risk, which says what may be done by whom",
    },
    Install: {"user": "write become_user in the environment: who deploys also installs"},
    HealthCheck: {"timeout": "write timeout_seconds"},
    Service: {
        "type": "write options: { Type: ... }",
        "port": "write environment: { PORT: ... }",
        "workers": "write it into exec",
        "memory_max": "write options: { MemoryMax: ... }",
        "memory_high": "write options: { MemoryHigh: ... }",
        "cpu_quota": "write options: { CPUQuota: ... }",
        "runtime_directory": "write options: { RuntimeDirectory: ... }",
        "runtime_directory_mode": "write options: { RuntimeDirectoryMode: ... }",
        "logs_directory": "write options: { LogsDirectory: ... }",
        "logs_directory_mode": "write options: { LogsDirectoryMode: ... }",
        "exec_start_pre": "write options: { ExecStartPre: ... }",
        "environment_file": "write options: { EnvironmentFile: ... }",
    },
    Database: {
        "confiture_config": "write tool: confiture, and config",
        "admin_url": "leave it out: url says who migrates",
        "restore": "fraisier restore brings a copy back",
        "preflight": "leave it out: pending migrations are always looked at first",
        "pre_migrate_dump": "write backup_before_deploy and backup",
        "post_migrate_check": "write an after_migrate hook",
        "post_migrate": "write an after_migrate hook",
        "allow_destructive": "write risk in the environment",
        "create_template": "leave it out: there are no template databases",
        "app_version": "leave it out: the version is the commit",
    },
    Job: {
        "name": "leave it out: a job is called by its key",
        "description": "leave it out: the fraise has one",
        "script": "write command",
        "script_path": "write command",
        "dependencies": "write depends_on",
        "systemd_service": "leave it out: the units are made by Fraisier, as fraisier-<fraise>-<environment>-<job>",
        "systemd_timer": "leave it out: the units are made by Fraisier, as fraisier-<fraise>-<environment>-<job>",
        "retention_days": "write a fraise of type backup, with its retention",
    },
}


def instead(model: type[BaseModel], key: str) -> str:
    """What to write in the place of ``key``, in settings that ``model`` reads; '' for a key that was none before, either."""
    for kind in model.__mro__:
        if hint := INSTEAD.get(kind, {}).get(key):
            return hint
    return ""

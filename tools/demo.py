"""`make demo`: a real git repository, a real HTTP service, real migrations; deployed, upgraded, broken and rolled back by Ansible.

Everything lives in .demo/ beside this checkout: no root, no systemd, no ssh. The service is left running; `make demo-clean` ends it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
REPOSITORY = DEMO / "repository"
APP = DEMO / "app"
CONFIG = DEMO / "fraises.yaml"
FRAISIER = Path(sys.executable).parent / "fraisier"

CONFIG_TEXT = """\
fraises:
  hello:
    type: api
    description: The demo's HTTP service
    git_repo: {repository}
    environments:
      demo:
        branch: main
        connection: local
        app_path: {app}
        environment:
          PORT: "{port}"
        install:
          - python3 -m venv venv
          - venv/bin/pip install --quiet --no-compile --disable-pip-version-check --requirement requirements.txt
        database:
          tool: alembic
          url: sqlite:///{app}/shared/hello.db
          bin_dir: venv/bin
        service:
          manager: supervisor
          exec: venv/bin/python app.py
        health_check:
          url: http://127.0.0.1:{port}/health
          version_json: version
          timeout_seconds: 8

branch_mapping:
  main: hello/demo
"""

SECOND_MIGRATION = '''\
"""When a visit was."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("visit", sa.Column("seen_at", sa.DateTime))


def downgrade() -> None:
    with op.batch_alter_table("visit") as table:
        table.drop_column("seen_at")
'''


class DemoFailed(Exception):
    pass


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{FRAISIER.parent}:{os.environ.get('PATH', os.defpath)}",
        "FRAISIER_CONFIG": str(CONFIG),
        "FRAISIER_DATABASE_URL": f"sqlite:///{DEMO / 'fraisier.db'}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Demo",
        "GIT_AUTHOR_EMAIL": "demo@example.com",
        "GIT_COMMITTER_NAME": "Demo",
        "GIT_COMMITTER_EMAIL": "demo@example.com",
    }


def say(text: str) -> None:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\n\033[1;35m### {text}\033[0m" if colour else f"\n### {text}", flush=True)


def fraisier(*arguments: str, expect: int = 0) -> None:
    print(f"$ fraisier {' '.join(arguments)}", flush=True)
    code = subprocess.run([FRAISIER, *arguments], env=environment(), cwd=DEMO, check=False).returncode
    if code != expect:
        raise DemoFailed(f"`fraisier {' '.join(arguments)}` ended with {code}, expected {expect}")


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], env=environment(), cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def push(message: str) -> str:
    """Commit everything: the demo's 'git push'. Returns the commit."""
    git("add", "--all")
    git("commit", "--quiet", "--message", message)
    commit = git("rev-parse", "HEAD")
    print(f"$ git push    # {message} -> {commit[:10]}", flush=True)
    return commit


def edit(name: str, before: str, after: str) -> None:
    path = REPOSITORY / name
    text = path.read_text()
    if before not in text:
        raise DemoFailed(f"{name}: '{before}' is not there any more")
    path.write_text(text.replace(before, after))


def ask(port: int, path: str) -> dict[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        found: dict[str, str] = json.load(answer)
    print(f"$ curl http://127.0.0.1:{port}{path}\n{json.dumps(found)}", flush=True)
    return found


def expect(port: int, commit: str, **others: str) -> None:
    """Look from outside: which commit, dependency and schema answer?"""
    found = ask(port, "/health")
    for key, value in {"version": commit, **others}.items():
        if found[key] != value:
            raise DemoFailed(f"/health says {key} = {found[key]}, expected {value}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run() -> None:
    started = time.monotonic()
    clean(quiet=True)
    DEMO.mkdir()
    shutil.copytree(ROOT / "examples" / "hello", REPOSITORY)
    git("init", "--quiet", "--initial-branch=main")
    port = free_port()
    CONFIG.write_text(CONFIG_TEXT.format(repository=REPOSITORY, app=APP, port=port))

    say("1. A git repository with an HTTP service, and a fraises.yaml")
    first = push("first version")
    fraisier("config", "validate")
    fraisier("list")

    say("2. The first deployment")
    fraisier("deploy", "hello", "demo")
    expect(port, first, humanize="4.12.3", schema="0001")
    fraisier("deploy", "hello", "demo")

    say("3. Version 2: a new dependency and a migration")
    edit("app.py", "Hello from the first version", "Hello from version 2")
    edit("requirements.txt", "humanize==4.12.3", "humanize==4.13.0")
    (REPOSITORY / "migrations/versions/0002_seen_at.py").write_text(SECOND_MIGRATION)
    second = push("version 2")
    fraisier("deploy", "hello", "demo")
    expect(port, second, humanize="4.13.0", schema="0002")

    say(
        "4. Version 3 is broken: /health answers 500. Fraisier puts version 2 back, with its dependencies and its schema"
    )
    edit("app.py", 'return 200, {"status": "ok"', 'return 500, {"status": "broken"')
    edit("requirements.txt", "humanize==4.13.0", "humanize==4.14.0")
    third = SECOND_MIGRATION.replace('"0002"', '"0003"').replace('"0001"', '"0002"').replace("seen_at", "broken_at")
    (REPOSITORY / "migrations/versions/0003_broken_at.py").write_text(third)
    push("version 3, broken")
    fraisier("deploy", "hello", "demo", expect=5)
    expect(port, second, humanize="4.13.0", schema="0002")

    say("5. A rollback by hand, to the first version")
    fraisier("rollback", "hello", "demo")
    expect(port, first, humanize="4.12.3", schema="0001")

    say("6. What has happened")
    fraisier("history")
    fraisier("stats")
    fraisier("status", "--live")
    seconds = time.monotonic() - started
    say(f"Done in {seconds:.0f} s. The service runs: http://127.0.0.1:{port}/   (make demo-clean ends it)")


def supervisor_pid() -> int | None:
    for path in (APP / "supervisor").rglob("*.pid") if (APP / "supervisor").is_dir() else ():
        try:
            pid = int(path.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (ValueError, OSError):  # not written yet, or no longer running
            continue
        if str(APP) in command.decode(errors="replace"):
            return pid
    return None


def clean(*, quiet: bool = False) -> None:
    """End the demo's supervisord (and with it the service), then remove .demo/."""
    pid = supervisor_pid()
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    shutil.rmtree(DEMO, ignore_errors=True)
    if not quiet:
        print("the demo's service has ended, .demo/ is gone")


if __name__ == "__main__":
    try:
        {"run": run, "clean": clean}[sys.argv[1]]()
    except DemoFailed as problem:
        sys.exit(f"demo: {problem}")

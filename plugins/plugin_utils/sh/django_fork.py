"""Django's migrations, asked and applied: one process reads the settings, and forks for each command, a line each; answers exit codes.

Runs on the host, in the interpreter of the application. Arguments: its manage.py, which chooses the settings; a folder, where each
command's output is left as `out` and `err`; the alias of the database. Commands: `look`, `explain`, `up`, and `down APP.NAME,...`, which
takes every app to the migration that is named, and those that are not named to none (`down base`: all).
"""

import os
import runpy
import sys
from typing import Any

manage, folder, alias = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(manage))  # noqa: PTH100, PTH120
sys.argv = [manage, "check"]

import django  # noqa: E402
import django.core.management as management  # noqa: E402

run_from_argv = management.execute_from_command_line
management.execute_from_command_line = lambda *_: None
runpy.run_path(manage, run_name="__main__")
management.execute_from_command_line = run_from_argv
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402

Key = tuple[str, str]


def title(key: Key) -> str:
    return ".".join(key)


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")


def executor() -> MigrationExecutor:
    return MigrationExecutor(connections[alias])


def forwards(found: MigrationExecutor) -> list[Any]:
    return [migration for migration, _ in found.migration_plan(found.loader.graph.leaf_nodes())]


def newest(found: MigrationExecutor) -> dict[str, list[Key]]:
    """App -> its applied migrations that no other applied one of the app stands on."""
    graph, applied = found.loader.graph, set(found.loader.applied_migrations)
    known = applied & set(graph.nodes)
    below = {parent.key for key in known for parent in graph.node_map[key].parents if parent.key[0] == key[0]}
    tips: dict[str, list[Key]] = {}
    for key in sorted(known - below):
        tips.setdefault(key[0], []).append(key)
    return tips


def look() -> None:
    found = executor()
    graph = found.loader.graph
    replaced = {key for migration in found.loader.disk_migrations.values() for key in migration.replaces}
    order = [key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf)]
    applied = set(found.loader.applied_migrations)
    say("at", ",".join(title(key) for keys in newest(found).values() for key in keys))
    for key in dict.fromkeys(order):
        if key in applied:
            say("applied", title(key))
    for migration in forwards(found):
        say("pending", title((migration.app_label, migration.name)))
    apps = found.loader.migrated_apps
    for key in sorted(applied - set(found.loader.disk_migrations) - replaced):
        if key[0] in apps:
            say("ahead", title(key))
    for key, migration in graph.nodes.items():
        if stuck := [operation for operation in migration.operations if not operation.reversible]:
            say("marked", title(key), f"{stuck[0].describe()} has no way back")
        say("file", title(key), str(sys.modules[type(migration).__module__].__file__))


def explain() -> None:
    found = executor()
    for migration in forwards(found):
        say("-- Running", title((migration.app_label, migration.name)))
        say("\n".join(found.loader.collect_sql([(migration, False)])))


def up() -> None:
    call_command("migrate", interactive=False, database=alias, verbosity=1)


def down(wanted: str) -> None:
    targets = dict(word.split(".", 1) for word in wanted.split(",")) if wanted != "base" else {}
    for app, keys in newest(executor()).items():
        if [key[1] for key in keys] != [targets.get(app)]:
            call_command("migrate", app, targets.get(app, "zero"), interactive=False, database=alias, verbosity=1)


COMMANDS = {"look": look, "explain": explain, "up": up, "down": down}

serve(folder, lambda words: COMMANDS[words[0]](*words[1:]))  # type: ignore[name-defined]  # noqa: F821  # of serve_fork.py

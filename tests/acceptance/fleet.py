"""Several hosts of one target: folders of this machine that play hosts, each with its own supervisor, port and release directory."""

from __future__ import annotations

import json

from tests.acceptance.world import Environment, World, free_port


class Fleet:
    """The world's production environment on three hosts that share one database."""

    def __init__(self, world: World) -> None:
        self.world = world
        database = world.production.database
        self.hosts = {
            name: Environment(name, "main", world.root / "host" / name, free_port(), database)
            for name in ("web1", "web2", "web3")
        }
        entries = []
        for name, host in self.hosts.items():
            host.app.mkdir()
            variables = {
                "fraisier_app_path": str(host.app),
                "fraisier_health_url": f"http://127.0.0.1:{host.port}/health",
                "fraisier_environment": {"PORT": str(host.port)},
            }
            entries.append({"name": name, "vars": variables})
        world.write_config(("        branch: main\n", f"        branch: main\n        hosts: {json.dumps(entries)}\n"))

    def answers(self) -> dict[str, str | None]:
        return {name: (answer["code"] if (answer := host.answer()) else None) for name, host in self.hosts.items()}

    def currents(self) -> dict[str, str]:
        return {name: host.current() for name, host in self.hosts.items()}

    def break_host(self, name: str) -> None:
        """From now on no service can start on this host: its port belongs to somebody else."""
        (self.hosts[name].app / "shared").mkdir(exist_ok=True)
        hook = self.world.root / "break.yml"
        hook.write_text(
            f"- name: Take the interpreter's path away from one host\n  ansible.builtin.file:\n"
            f"    path: '{{{{ fraisier_app_path }}}}/releases/{{{{ fraisier_release_id }}}}/service.py'\n    state: absent\n"
            f"  when: inventory_hostname == '{name}'\n"
        )
        text = self.world.config.read_text()
        self.world.config.write_text(
            text.replace("    service:\n", "    hooks: {before_activate: break.yml}\n    service:\n")
        )

    def end(self) -> None:
        for host in self.hosts.values():
            host.end()

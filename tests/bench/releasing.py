"""Ways to release a commit to a fleet over ssh: ours, plain Ansible, Ansible the usual way, pyinfra, a script; verified on every host."""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.bench.deploying import BIN, FILES, KEEP, SCRIPT, World
from tests.bench.fleet import Fleet, Host
from tests.bench.measure import Cost, require, run

PEERS = Path(__file__).with_name("peers")
PYINFRA_VENV = Path("bench-results") / "pyinfra"
CHEAP = "-o KexAlgorithms=curve25519-sha256"
OURS = {"cold": "", "cheap": CHEAP, "warm": "", "warm cheap": CHEAP, "rendered": ""}
"""Methods that are an environment of fraises.yaml, and what their ssh is told besides."""


class Releases(World):
    """A repository and a fleet; each method has its own folder on each host. Connections are cold: what is kept open is closed first."""

    def __init__(self, root: Path, fleet: Fleet) -> None:
        super().__init__(root)
        self.fleet = fleet
        self.kept: Counter[str] = Counter()
        head = self.config.read_text().partition("    connection: local\n")
        tail = head[2].partition("    environments:\n")[0]
        environments = "".join(self._environment(name, more) for name, more in OURS.items())
        self.config.write_text(f"{head[0]}{tail}    environments:\n{environments}")
        self.warm = {name: self._start_warm(name) for name in ("warm", "warm cheap")}

    def _environment(self, name: str, more: str) -> str:
        hosts = [
            {
                "name": host.name,
                "address": host.address,
                "port": host.port,
                "ssh_key": str(self.fleet.key),
                "vars": {
                    "ansible_ssh_common_args": f"{self.fleet.options} {more}",
                    "fraisier_app_path": str(self.fleet.app(host, name.replace(" ", "-"))),
                },
            }
            for host in self.fleet.hosts
        ]
        where = {"app_path": f"/srv/{name.replace(' ', '-')}", "connection": "ssh", "hosts": hosts}
        return f"      {name.replace(' ', '-')}: {json.dumps(where)}\n"

    @property
    def connections(self) -> list[Path]:
        return [self.home / ".local/state/fraisier/cp", self.home / ".ansible/cp"]

    def methods(self, *, pyinfra: Path | None) -> dict[str, Callable[[], Cost]]:
        found: dict[str, Callable[[], Cost]] = {
            "cold": lambda: self.deploy_over_ssh("cold"),
            "cheap": lambda: self.deploy_over_ssh("cheap"),
            "warm": lambda: self.deploy_warm("warm"),
            "warm cheap": lambda: self.deploy_warm("warm cheap"),
            "rendered": self.play_rendered,
            "usual": self.play_usual,
            "script": self.script,
        }
        return {**found, "pyinfra": lambda: self.pyinfra(pyinfra)} if pyinfra else found

    def deploy_over_ssh(self, name: str) -> Cost:
        self.fleet.close_connections(*self.connections)
        return self._verified(
            name, run([BIN / "fraisier", "deploy", "app", name], env=self.environ, cwd=self.root).cost
        )

    def deploy_warm(self, name: str) -> Cost:
        self.fleet.close_connections(*self.connections)
        process = self.warm[name]
        assert process.stdin and process.stdout
        process.stdin.write("\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        require(answer["status"] == "success", f"the warm process: {answer}")
        return self._verified(name, Cost(answer["wall"], 0.0))

    def play_rendered(self) -> Cost:
        project = self.root / "project"
        shutil.rmtree(project, ignore_errors=True)
        run([BIN / "fraisier", "render", "app", "rendered", "-o", project], env=self.environ, cwd=self.root)
        self.fleet.close_connections(*self.connections)
        return self._verified("rendered", run(["ansible-playbook", "site.yml"], env=self.environ, cwd=project).cost)

    def play_usual(self) -> Cost:
        """Ansible's own settings: five hosts at a time, no pipelining, facts."""
        self.fleet.close_connections(*self.connections)
        inventory = {
            host.name: {
                "ansible_host": host.address,
                "ansible_port": host.port,
                "ansible_ssh_private_key_file": str(self.fleet.key),
                "ansible_ssh_common_args": self.fleet.options,
                "ansible_python_interpreter": "/usr/bin/python3",
                "app": str(self.fleet.app(host, "usual")),
            }
            for host in self.fleet.hosts
        }
        variables = {"repository": f"file://{self.repository}", "keep": KEEP}
        (self.root / "usual.json").write_text(json.dumps({"all": {"hosts": inventory, "vars": variables}}))
        command = ["ansible-playbook", "-i", "usual.json", PEERS / "usual.yml"]
        return self._verified("usual", run(command, env=self.environ, cwd=self.root).cost)

    def pyinfra(self, program: Path | None) -> Cost:
        assert program
        release = f"release-{self.number:06}"
        hosts = [
            (
                host.address,
                {
                    "ssh_port": host.port,
                    "ssh_user": getpass.getuser(),
                    "ssh_key": str(self.fleet.key),
                    "ssh_known_hosts_file": str(self.fleet.known_hosts),
                    "ssh_strict_host_key_checking": "yes",
                    "app": str(self.fleet.app(host, "pyinfra")),
                },
            )
            for host in self.fleet.hosts
        ]
        common = {"repository": f"file://{self.repository}", "release": release, "keep": KEEP}
        (self.root / "inventory.py").write_text(f"hosts = ({hosts!r}, {common!r})\n")
        command = [program, "-y", "inventory.py", PEERS / "release.py"]
        return self._verified("pyinfra", run(command, env=self.environ, cwd=self.root).cost)

    def script(self) -> Cost:
        """The script on all hosts at once, each with an ssh of its own and default settings."""
        lines = ["set -eu"]
        for host in self.fleet.hosts:
            words = f"{self.fleet.app(host, 'script')} file://{self.repository} main {KEEP}"
            ssh = f"ssh {self.fleet.options} -i {self.fleet.key} -p {host.port} {host.address}"
            lines.append(f"{ssh} 'mkdir -p {self.fleet.app(host, 'script')}; sh -s -- {words}' <{SCRIPT} &")
            lines.append('pids="${pids-} $!"')
        lines += ["for pid in $pids; do wait $pid; done", "echo released"]
        (self.root / "script.sh").write_text("\n".join(lines) + "\n")
        return self._verified("script", run(["sh", "script.sh"], env=self.environ, cwd=self.root).cost)

    def _verified(self, name: str, cost: Cost) -> Cost:
        self.kept[name] += 1
        for host in self.fleet.hosts:
            self._verify(host, name, self.fleet.app(host, name.replace(" ", "-")))
        return cost

    def _verify(self, host: Host, name: str, app: Path) -> None:
        where = f"{name} on {host.name}"
        revision = (app / "current" / "REVISION").read_text().strip()
        require(revision == self.commit, f"{where}: {revision} is current, not {self.commit}")
        files = len(list((app / "current" / "src").iterdir()))
        require(files == FILES, f"{where}: {files} files, not {FILES}")
        kept = len(list((app / "releases").iterdir()))
        require(kept == min(self.kept[name], KEEP), f"{where}: {kept} kept of {self.kept[name]} releases")

    def _start_warm(self, name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.bench.warm_deploy", "app", name.replace(" ", "-")]
        environ = {**self.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        process = subprocess.Popen(
            command, env=environ, cwd=self.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        require(process.stdout.readline() == "ready\n", "the warm process did not start")
        return process

    def end(self) -> None:
        for process in self.warm.values():
            assert process.stdin and process.stdout
            process.stdin.close()
            process.wait()
            process.stdout.close()
        self.fleet.close_connections(*self.connections)


def pyinfra_program() -> Path | None:
    """pyinfra in an environment of its own, made when it is missing; None where it cannot be had."""
    program = (PYINFRA_VENV / "bin" / "pyinfra").absolute()
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", PYINFRA_VENV], check=True)
        pip = [PYINFRA_VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "pyinfra>=3.10,<4"]
        if subprocess.run(pip, check=False).returncode:
            shutil.rmtree(PYINFRA_VENV)
            return None
    return program

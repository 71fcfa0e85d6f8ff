"""The same deployment over ssh: to an sshd of our own on loopback, against ansible-playbook on the rendered project and a script."""

from __future__ import annotations

from pathlib import Path

from tests.bench.deploying import KEEP, SCRIPT, World
from tests.bench.measure import Cost, Rounds, interleaved, require, run
from tests.bench.report import Figure, Section
from tests.sshd import SSHD, Server, sshd

ENVIRONMENT = """\
      {name}:
        app_path: {root}/{name}
        connection: ssh
        hosts: [{{name: host1, address: 127.0.0.1, port: {port}, ssh_key: {key}, vars: {{ansible_ssh_common_args: "{options}"}}}}]
"""


class SshWorld(World):
    """The world of ``deploying`` with its host behind ssh; connections are kept by the clients as each of them does."""

    def __init__(self, root: Path, server: Server) -> None:
        super().__init__(root)
        self.server = server
        text = self.config.read_text().partition("    environments:\n")[0] + "    environments:\n"
        for name in ("deployed", "told"):
            text += ENVIRONMENT.format(name=name, root=root, port=server.port, key=server.key, options=server.options)
        self.config.write_text(text)

    def script(self) -> Cost:
        """The script over plain ssh, a new connection each time."""
        words = " ".join([f"{self.root}/scripted", f"file://{self.repository}", "main", str(KEEP)])
        ssh = [
            "ssh",
            *self.server.options.split(),
            "-i",
            str(self.server.key),
            "-p",
            str(self.server.port),
            "127.0.0.1",
        ]
        done = run(
            ["sh", "-c", f'exec "$@" < {SCRIPT}', "sh", *ssh, f"sh -s -- {words}"], env=self.environ, cwd=self.root
        )
        require(done.output.strip() == f"released {self.commit}", f"the script did not release: {done.output}")
        self._released("scripted")
        return done.cost


def benchmark(folder: Path, quick: bool) -> Section:
    """One host behind a real sshd on loopback, otherwise as in ``deploying``."""
    compared = (
        "the same release to one host behind an sshd on loopback: the whole command `fraisier deploy`, ansible-playbook on what "
        "`fraisier render` wrote (hooks told; both keep their ssh connection for the next time), and the shell script over plain ssh "
        "with a new connection each time"
    )
    if not SSHD.exists():
        return Section("ssh", f"NOT MEASURED, there is no {SSHD} here (apt-get install openssh-server): {compared}", [])
    (folder / "sshd").mkdir()
    with sshd(folder / "sshd") as server:
        return Section("ssh", compared, _figures(_rounds(SshWorld(folder / "world", server), 2 if quick else 9)))


def _rounds(world: SshWorld, rounds: int) -> Rounds:
    releasing = {"deploy": world.deploy, "told": world.play_told, "script": world.script}
    costs: dict[str, list[Cost]] = {name: [] for name in releasing}
    for number in range(rounds + 1):
        world.push()
        one = interleaved(releasing, 1, warm_ups=0, seed=number)
        if number:
            for name, found in one.costs.items():
                costs[name] += found
    return Rounds(costs)


def _figures(found: Rounds) -> list[Figure]:
    return [
        Figure("fraisier deploy over ssh, wall", "s", found.wall("deploy")),
        Figure("ansible-playbook site.yml over ssh, wall", "s", found.wall("told")),
        Figure("shell script over ssh, wall", "s", found.wall("script")),
        Figure("fraisier deploy / site.yml, wall", "x", found.wall_ratios("deploy", "told")),
        Figure("fraisier deploy / site.yml, CPU", "x", found.cpu_ratios("deploy", "told")),
        Figure("fraisier deploy / shell script over ssh, wall", "x", found.wall_ratios("deploy", "script")),
    ]

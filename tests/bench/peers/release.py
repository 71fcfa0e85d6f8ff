"""A release with pyinfra's own operations: what `pyinfra inventory.py release.py` runs."""

from pyinfra import host
from pyinfra.operations import files, git, server

app, release, keep = host.data.app, host.data.release, host.data.keep

files.directory(path=f"{app}/releases", mode="755")
files.directory(path=f"{app}/shared/storage", mode="755")
git.repo(src=host.data.repository, dest=f"{app}/repo", branch="main", pull=True)
files.directory(path=f"{app}/releases/{release}", mode="755")
server.shell(commands=[
    f"git -C {app}/repo archive HEAD | tar -x -C {app}/releases/{release}",
    f"git -C {app}/repo rev-parse HEAD > {app}/releases/{release}/REVISION",
])  # fmt: skip
files.link(path=f"{app}/releases/{release}/storage", target="../../shared/storage")
files.link(path=f"{app}/current", target=f"releases/{release}")
server.shell(commands=[f"ls -1dt {app}/releases/* | tail -n +{keep + 1} | xargs -r rm -rf"])

"""Real containers on this machine: podman with storage of its own, an image made of busybox, and a small registry on loopback."""

from __future__ import annotations

import http.server
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

BASE = "localhost/fraisier-test/busybox:1"
NEEDED = ("podman", "crun", "conmon", "busybox", "nsenter", "setpriv")
APPLETS = ("sh", "httpd", "sleep", "echo", "mkdir", "cat", "true", "false", "test")


class CannotRun(Exception):
    """Why containers cannot run here."""


class Registry:
    """What a registry answers to who pulls, and no more: manifests and blobs of published images."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = registry.answer(self.path)
                self.send_response(200 if found else 404)
                for header, value in (found[0] if found else {}).items():
                    self.send_header(header, value)
                self.send_header("Content-Length", str(len(found[1]) if found else 0))
                self.end_headers()
                if found and self.command == "GET":
                    self.wfile.write(found[1])

            do_HEAD = do_GET  # noqa: N815 - what the base class calls

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def add(self, name: str, layout: Path) -> str:
        digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        for path in (layout / "blobs" / "sha256").iterdir():
            self.blobs[f"sha256:{path.name}"] = path.read_bytes()
        repository, _, tag = name.partition(":")
        self.manifests[f"{repository}/manifests/{tag}"] = self.blobs[digest]
        self.manifests[f"{repository}/manifests/{digest}"] = self.blobs[digest]
        return f"{self.address}/{name}"

    def answer(self, path: str) -> tuple[dict[str, str], bytes] | None:
        if path == "/v2/":
            return {}, b"{}"
        name = path.removeprefix("/v2/")
        if name in self.manifests:
            return {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, self.manifests[name]
        blob = re.fullmatch(r".*/blobs/(sha256:[0-9a-f]{64})", name)
        found = self.blobs.get(blob[1]) if blob else None
        return ({"Content-Type": "application/octet-stream"}, found) if found is not None else None

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Containers:
    """A podman of the tests' own. ``bin`` goes in front of PATH: its `podman` and `podman-compose` know no other storage."""

    folder: Path
    keeper: subprocess.Popen[bytes]
    registry: Registry = field(default_factory=Registry)

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def podman(self, *arguments: str, check: bool = True) -> str:
        argv = [str(self.bin / "podman"), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"podman {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def names(self, project: str, *, running: bool = True) -> list[str]:
        """The project's containers."""
        everything = () if running else ("--all",)
        label = f"label=com.docker.compose.project={project}"
        return sorted(self.podman("ps", *everything, "--filter", label, "--format", "{{.Names}}").split())

    def image(self, name: str) -> str:
        """Id of an image, '' when it is not there."""
        return self.podman("image", "inspect", "--format", "{{.Id}}", name, check=False)

    def remove(self, project: str) -> None:
        for name in self.names(project, running=False):
            self.podman("rm", "--force", "--time", "0", name, check=False)

    def publish(self, name: str, text: str) -> str:
        """A new image with this text in /version, under a name of the registry; its name with the registry in front."""
        context = self.folder / "publish"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        (context / "version").write_text(text)
        (context / "Containerfile").write_text(f"FROM {BASE}\nCOPY version /version\n")
        self.podman("build", "--quiet", "--tag", "localhost/fraisier-test/published", str(context))
        self.podman(
            "save", "--format", "oci-dir", "--output", str(context / "oci"), "localhost/fraisier-test/published"
        )
        self.podman("image", "rm", "localhost/fraisier-test/published")
        return self.registry.add(name, context / "oci")

    def end(self) -> None:
        for name in self.podman("ps", "--all", "--quiet", check=False).split():
            self.podman("rm", "--force", "--time", "0", name, check=False)
        self.registry.end()
        self.keeper.kill()
        self.keeper.communicate()
        subprocess.run(["chmod", "-R", "u+rwx", str(self.folder)], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def start(folder: Path) -> Containers:
    """A podman with storage in ``folder``, tried out with a container. Raises CannotRun."""
    if os.geteuid() != 0:
        raise CannotRun("containers of the tests need root")
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        raise CannotRun(f"{', '.join(missing)} not installed")
    # A mount namespace for all of podman: crun refuses where both versions of cgroups are mounted side by side.
    script = "umount /sys/fs/cgroup/unified 2>/dev/null; echo; exec setpriv --pdeathsig KILL sleep infinity"
    keeper = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE)
    assert keeper.stdout
    keeper.stdout.readline()
    containers = Containers(folder, keeper)
    _configure(containers)
    try:
        _make_base(containers)
        assert containers.podman("run", "--rm", BASE, "echo", "hello") == "hello"
    except (AssertionError, subprocess.TimeoutExpired) as error:
        containers.end()
        raise CannotRun(str(error)) from error
    return containers


def _configure(containers: Containers) -> None:
    folder = containers.folder
    containers.bin.mkdir(parents=True)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    (folder / "containers.conf").write_text(
        '[containers]\ncgroups = "disabled"\nnetns = "host"\nlog_driver = "k8s-file"\n'
        f'default_ulimits = ["nofile={files}:{files}", "nproc=1000:1000"]\n'
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n'
    )
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/root"\nrunroot = "{folder}/run"\n'
    )
    (folder / "registries.conf").write_text(
        f'[[registry]]\nlocation = "{containers.registry.address}"\ninsecure = true\n'
    )
    (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    wrapper = containers.bin / "podman"
    wrapper.write_text(
        "#!/bin/sh\n"
        f"export CONTAINERS_CONF={folder}/containers.conf CONTAINERS_STORAGE_CONF={folder}/storage.conf\n"
        f"export CONTAINERS_REGISTRIES_CONF={folder}/registries.conf BUILDAH_ISOLATION=chroot\n"
        f'exec nsenter --target {containers.keeper.pid} --mount --wdns=. {shutil.which("podman")} "$@"\n'
    )
    wrapper.chmod(0o755)
    (containers.bin / "podman-compose").symlink_to(Path(sys.executable).with_name("podman-compose"))


def _make_base(containers: Containers) -> None:
    context = containers.folder / "base"
    (context / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", context / "bin" / "busybox")
    for name in APPLETS:
        (context / "bin" / name).symlink_to("busybox")
    (context / "Containerfile").write_text('FROM scratch\nCOPY bin /bin\nENV PATH=/bin\nCMD ["sleep", "1000"]\n')
    containers.podman("build", "--quiet", "--tag", BASE, str(context))

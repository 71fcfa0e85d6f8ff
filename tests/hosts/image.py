"""The base image of the hosts: a Debian made of packages alone, once per recipe, kept in a cache and shared read-only by all beds."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("FRAISIER_HOSTS_CACHE", "/var/cache/fraisier-hosts"))
SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "libnss-systemd"),
    *("openssh-server", "sudo", "git", "ca-certificates", "curl", "iproute2", "procps"),
    *("python3", "python3-venv", "python3-pip", "alembic", "python3-psycopg2"),
    *("nginx-light", "haproxy", "socat", "sqlite3"),
)
LEFT_OUT = ("man", "locale", "info", "doc", "lintian")
CUSTOMIZE = r"""
set -eu
useradd --create-home --uid 1000 --shell /bin/bash --groups systemd-journal deploy
passwd --delete deploy >/dev/null
install -d -o deploy -g deploy -m 700 /home/deploy/.ssh
install -o deploy -g deploy -m 600 /var/tmp/key.pub /home/deploy/.ssh/authorized_keys
echo 'deploy ALL=(ALL:ALL) NOPASSWD:ALL' >/etc/sudoers.d/deploy
chmod 0440 /etc/sudoers.d/deploy
# Each host gets its own host key.
rm -f /etc/ssh/ssh_host_* /var/tmp/key.pub
cat >/etc/ssh/sshd_config.d/bed.conf <<'SSHD'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
UseDNS no
MaxStartups 200
MaxSessions 200
SSHD
mkdir -p /etc/systemd/journald.conf.d /var/log/journal
printf '[Journal]\nStorage=persistent\nSystemMaxUse=32M\nRateLimitIntervalSec=0\n' >/etc/systemd/journald.conf.d/bed.conf
# Nothing of the distribution's own fires during a test, and there is no console to log in at.
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer console-getty.service getty.target systemd-firstboot.service
systemctl enable --quiet ssh.service
systemctl disable --quiet nginx.service haproxy.service
systemctl set-default --quiet multi-user.target
# The wheels and repositories that a bed shares belong to another user.
git config --system safe.directory '*'
echo 'LANG=C.UTF-8' >/etc/default/locale
: >/etc/hostname
: >/etc/resolv.conf
: >/etc/machine-id
"""


class NotBuilt(Exception):
    """mmdebstrap did not succeed: no way to a mirror, say."""


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[bool]:
    """Whether the lock was got; without LOCK_NB it is waited for."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, kind)
        except BlockingIOError:
            yield False
            return
        yield True


class Image:
    """One image in the cache: ``rootfs``, and the ``key`` that its user deploy lets in."""

    def __init__(self) -> None:
        recipe = "\n".join([SUITE, *PACKAGES, *LEFT_OUT, CUSTOMIZE])
        self.folder = CACHE / hashlib.sha256(recipe.encode()).hexdigest()[:16]
        self.rootfs = self.folder / "rootfs"
        self.key = self.folder / "key"

    @property
    def is_built(self) -> bool:
        return self.rootfs.is_dir()

    def build(self) -> None:
        """About a minute on two cores; the second of two callers waits and finds it done."""
        CACHE.mkdir(parents=True, exist_ok=True)
        with _locked(CACHE / "lock", fcntl.LOCK_EX):
            if self.is_built:
                return
            work = Path(tempfile.mkdtemp(prefix="building-", dir=CACHE))
            try:
                _build(work)
                work.chmod(0o755)
                work.rename(self.folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            self._remove_others()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While this lasts, nobody removes the image."""
        with _locked(self.folder / "lock", fcntl.LOCK_SH):
            yield

    def _remove_others(self) -> None:
        for other in CACHE.iterdir():
            if other.is_dir() and other != self.folder:
                with _locked(other / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
                    if free:
                        shutil.rmtree(other)


def _build(work: Path) -> None:
    key = work / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bed", "-f", key], check=True)
    (work / "customize").write_text(CUSTOMIZE)
    options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    options += ["--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"']
    hooks = [
        f"copy-in {key}.pub {work}/customize /var/tmp",
        'chroot "$1" sh /var/tmp/customize',
        'rm "$1/var/tmp/customize"',
    ]
    options += [f"--customize-hook={hook}" for hook in hooks]
    argv = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory", *options]
    argv += [f"--include={','.join(PACKAGES)}", SUITE, str(work / "rootfs"), *_sources()]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise NotBuilt(f"the image could not be built:\n{done.stdout[-4000:]}")


def _sources() -> list[str]:
    """Where this machine takes the same Debian from; its mirror may be the only one that it reaches."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"], capture_output=True, text=True
    )
    lines = {line for line in found.stdout.splitlines() if line.split()[2].startswith(SUITE) and line.endswith(" main")}
    return sorted(lines)

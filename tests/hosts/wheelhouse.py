"""Fraisier as a wheel, and the wheels that it needs: for hosts that reach no index."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hosts.image import CACHE

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "dev.txt"
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


def build(folder: Path) -> Path:
    """The wheel of this checkout, in ``folder`` beside everything that it needs. What is needed is fetched once per lock file."""
    folder.mkdir(parents=True)
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*PIP, "wheel", *options, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("fraisier*.whl")
    content = b"".join(path.read_bytes() for path in (LOCK, ROOT / "pyproject.toml"))
    needed = CACHE / f"wheels-{hashlib.sha256(content).hexdigest()[:16]}"
    if not needed.is_dir():
        work = Path(tempfile.mkdtemp(prefix="building-", dir=CACHE))
        options = ["--constraint", str(LOCK), "--only-binary", ":all:", "--dest", str(work)]
        subprocess.run([*PIP, "download", *options, str(wheel)], check=True, capture_output=True)
        (work / wheel.name).unlink(missing_ok=True)
        work.chmod(0o755)
        work.rename(needed)
    shutil.copytree(needed, folder, dirs_exist_ok=True)
    return wheel

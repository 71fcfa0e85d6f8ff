"""Programs that are asked for secrets: without a terminal, without a shell, not for longer than two minutes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fraisier.errors import SecretUnavailable

TIMEOUT_SECONDS: Final = 120
LONGEST_WORD: Final = 200


def path_of(environ: Mapping[str, str]) -> str:
    """Where programs are looked for: in PATH, then beside our own interpreter."""
    return os.pathsep.join([environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])


def output(
    words: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
    *,
    given: str | None = None,
    missing: str = "",
) -> str:
    """What a program prints; ``given`` is its input, ``missing`` says how one gets it. Raises SecretUnavailable, with its last word only
    where it failed."""
    found = shutil.which(words[0], path=path_of(environ))
    if found is None and "/" not in words[0]:
        raise SecretUnavailable(f"there is no program {words[0]!r} on PATH", hint=missing or None)
    try:
        done = subprocess.run(
            [found or words[0], *words[1:]],
            env={**environ, "PATH": path_of(environ)},
            cwd=root,
            input=(given or "").encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SecretUnavailable(
            f"{words[0]} did not end within {TIMEOUT_SECONDS} s",
            hint="it must not ask anything: there is no terminal",
            retriable=True,
        ) from None
    except OSError as error:
        raise SecretUnavailable(f"{words[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        raise SecretUnavailable(f"{words[0]} ended with exit code {done.returncode}{_last_word(done.stderr)}")
    return text_of(done.stdout)


def text_of(content: bytes) -> str:
    """Bytes as text without the one line end that editors and programs put after it."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise SecretUnavailable("its value is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _last_word(stderr: bytes) -> str:
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    said = "".join(each for each in lines[-1].strip() if each.isprintable()) if lines else ""
    return f": {said[:LONGEST_WORD]}" if said else ""

"""Writes POSIX shell from values: every text is data, quoted once, here. Used by the action plugins to build what `sh -s` reads."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

Command = str | Sequence[str]

SCRIPTS = Path(__file__).parent / "sh"


@cache
def source(name: str) -> str:
    """The text of one of our shell files, e.g. ``git`` for sh/git.sh."""
    return (SCRIPTS / f"{name}.sh").read_text(encoding="utf-8")


@cache
def program(name: str) -> str:
    """The text of a program that our shell files start, e.g. ``retention.awk``."""
    return (SCRIPTS / name).read_text(encoding="utf-8")


def forking(name: str) -> str:
    """The text of a Python program that calls ``serve``, with the loop of that name before it."""
    return program("serve_fork.py") + program(name)


def assign(name: str, value: str | int | float | bool) -> str:
    """``f_name='value'``: our own variables carry a prefix, so that no exported variable of a user can be one of them."""
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return f"f_{name}={shlex.quote(text)}"


def assign_lines(name: str, values: Sequence[str]) -> str:
    """A list as one text, an entry a line: the entries were checked to hold no line breaks."""
    return assign(name, "\n".join(values))


def files(name: str, texts: Mapping[str, str]) -> str:
    """A function that gives each file to ``keep_credential NAME TEXT``."""
    lines = [f"  keep_credential {shlex.quote(key)} {shlex.quote(text)}" for key, text in texts.items()]
    return "\n".join([f"{name}() {{", "  :", *lines, "}"])


def exporting(name: str, environment: Mapping[str, str]) -> str:
    """A function that exports the environment. Secrets reach the host inside this text, over stdin: never in an argv."""
    lines = [f"  export {key}={shlex.quote(value)}" for key, value in environment.items()]
    return "\n".join([f"{name}() {{", "  :", *lines, "}"])


def calling(name: str, command: Command) -> str:
    """A function that runs the user's command: a text through run_shell, a list of arguments through run_argv."""
    if isinstance(command, str):
        return f"{name}() {{ run_shell {shlex.quote(command)}; }}"
    return f"{name}() {{ run_argv {shlex.join(command)}; }}"


def wrap(token: str, parts: Sequence[str]) -> str:
    """The whole program. The braces make sh read all of it before it starts: a cut connection runs nothing, and no command can
    read the rest of the script from stdin. The first line break parts our lines from whatever a login shell printed."""
    head = f"f_token={token}\nprintf '\\n'"
    return "\n".join(["{", head, *parts, "exit 0", "} </dev/null", ""])


def shown(command: Command, limit: int = 200) -> str:
    """The command for a message: one line, shortened."""
    text = " ".join((command if isinstance(command, str) else shlex.join(command)).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def environment_file(environment: Mapping[str, str]) -> str:
    """KEY="value" lines that mean the same to sh and to systemd's EnvironmentFile."""
    return "".join(f'{name}="{_escape(value)}"\n' for name, value in environment.items())


def _escape(value: str) -> str:
    return "".join(f"\\{character}" if character in '\\"$`' else character for character in value)

"""The library's public face, from signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from dataclasses import is_dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import fraisier
from reference.markdown import page, words

INTRO = """\
What `import fraisier` offers, from the docstrings. How to use it: [use as a library](../how-to/use-as-a-library.md).
`fraisier.__version__` is the version."""
MORE = """\
Classes that the methods above take or hand out, with the modules that they live in."""
# What somebody meets who uses the public names.
MET = (
    "fraisier.probe.HostTruth",
    "fraisier.work.Listener",
    "fraisier.config.ResolvedFraise",
    "fraisier.record.rows.DeploymentSummary",
    "fraisier.record.rows.Stats",
    "fraisier.record.rows.WebhookEvent",
)
GIT = """\
`fraisier.git` verifies and reads what git services send; it needs neither configuration nor database. `PROVIDERS` maps names to
providers: `github`, `gitlab`, `gitea`, `forgejo`, `bitbucket`, and [those of other packages](../how-to/write-a-git-provider.md)."""


def library_page() -> str:
    lines = [INTRO]
    for name in (each for each in fraisier.__all__ if not each.startswith("__")):
        found = getattr(fraisier, name)
        lines += _class(name, found) if inspect.isclass(found) else ["", f"## {name}", *_member(name, found)]
    lines += ["", "## Beside them", "", MORE]
    for name in MET:
        lines += _class(name, _named(name))
    lines += ["", "## fraisier.git", "", GIT, *_member("detect", _named("fraisier.git.detect"))]
    for name in ("fraisier.git.Provider", "fraisier.git.WebhookEvent"):
        lines += _class(name, _named(name))
    return page("Library", *lines)


def _named(name: str) -> Any:
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last)


def _class(name: str, found: type) -> list[str]:
    lines = ["", f"## {name}", "", words(found.__doc__)]
    if issubclass(found, StrEnum):
        return [
            *lines,
            "",
            f"Members: {', '.join(f'`{member.name}`' for member in found)}; [what they mean](statuses-and-phases.md).",
        ]
    if issubclass(found, BaseException):
        return [*lines, "", "All of them: [exit codes and errors](exit-codes.md)."]
    if not getattr(found, "_is_protocol", False):
        lines += ["", "```python", f"{name.rpartition('.')[2]}{_signature(found).removesuffix(' -> None')}", "```"]
    if not is_dataclass(found) and (attributes := inspect.get_annotations(found)):
        lines += ["", f"Attributes: {', '.join(f'`{each}`' for each in attributes)}."]
    members = [(each, value) for each, value in vars(found).items() if not each.startswith("_")]
    return lines + [line for each, value in members for line in _member(each, value)]


def _member(name: str, value: Any) -> list[str]:
    if not (inspect.isfunction(value) or isinstance(value, property)):
        return []
    code = (
        f"{name}: {value.fget.__annotations__['return']}" if isinstance(value, property) else name + _signature(value)
    )
    return ["", "```python", code, "```", *(["", words(value.__doc__)] if value.__doc__ else [])]


def _signature(of: Any) -> str:
    """As written in the source: without the quotes of late annotations, without self, enums by name, a line per many parameters."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(of)))
    text = re.sub(r"<(\w+\.\w+): [^>]*>", r"\1", text).replace("<factory>", "...")
    text = text.replace("(self, ", "(").replace("(self)", "()")
    if len(text) < 100:
        return text
    inside, _, after = text[1:].rpartition(")")
    parameters = re.split(r", (?=\*?\*?\w+(?::|$)|\*,)", inside)
    return "(\n" + "".join(f"    {each},\n" for each in parameters) + f"){after}"

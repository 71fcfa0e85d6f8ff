"""Late values and secrets: the ``${VAR}`` grammar, and a reference that never shows what it stands for.

Sits below the configuration. Standard library only, so that a start-up that needs no validation stays cheap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraisier.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "***"

# In this order: an escaped opening, a whole reference, an opening that is neither. A default holds no other reference.
_TOKEN = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:(?!\$\{)[^}])*))?\}|\$\{")


@dataclass(frozen=True)
class Reference:
    """One ``${name}`` or ``${name:-default}`` inside a template."""

    name: str
    default: str | None = None

    def value(self, environ: Mapping[str, str]) -> str | None:
        """As in a shell: a default also replaces a variable that is set and empty. None when there is no value."""
        found = environ.get(self.name)
        if self.default is not None:
            return found or self.default
        return found


def references(template: str) -> tuple[Reference, ...]:
    """The references of a template, in order; escaped and malformed ones left out."""
    found = _TOKEN.finditer(template)
    return tuple(Reference(match["name"], match["default"]) for match in found if match["name"])


def has_references(template: str) -> bool:
    return any(match["name"] for match in _TOKEN.finditer(template))


def fault_of(template: str, environ: Mapping[str, str]) -> str | None:
    """Why ``substitute`` would fail, in words that never hold a value; None when it would not."""
    if any(match[0] == "${" for match in _TOKEN.finditer(template)):
        return "'${' must be followed by a variable name and '}'; for the two characters themselves write '$${'"
    for reference in references(template):
        if reference.value(environ) is None:
            return f"the variable {reference.name} is not set"
    return None


def substitute(template: str, environ: Mapping[str, str]) -> str:
    """``template`` with references replaced and ``$${`` unescaped. Raises ConfigError when ``fault_of`` finds one."""
    fault = fault_of(template, environ)
    if fault:
        raise ConfigError(fault)

    def replace(match: re.Match[str]) -> str:
        if not match["name"]:
            return "${"
        return Reference(match["name"], match["default"]).value(environ) or ""

    return _TOKEN.sub(replace, template)


class Text(str):
    """Text of the configuration with its references replaced, which still knows how and where it was written."""

    __slots__ = ("place", "template")
    template: str
    place: str

    def __new__(cls, value: str, *, template: str, place: str) -> Text:
        text = super().__new__(cls, value)
        text.template = template
        text.place = place
        return text


@dataclass(frozen=True, repr=False)
class SecretRef:
    """A secret as it was written: ``template`` may name variables. The value exists only in what ``reveal`` returns.

    ``place`` (``fraises.yaml:14:7 fraises.my_api...``) is for messages and takes no part in comparisons. A template
    without references is the secret itself, so it is never shown either.
    """

    template: str
    place: str = field(default="", compare=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables that the secret is made from."""
        return tuple(reference.name for reference in references(self.template))

    def reveal(self, environ: Mapping[str, str]) -> str:
        """The secret's value, from ``environ``. Raises ConfigError, with the place, when a variable is missing."""
        fault = fault_of(self.template, environ)
        if fault:
            raise ConfigError([Problem(fault, path=self.place)])
        return substitute(self.template, environ)

    def __repr__(self) -> str:
        source = ", ".join(self.variables) or "literal"
        return f"<SecretRef {source}>"

    __str__ = __repr__


def secret_from(value: Any) -> SecretRef | None:
    """The reference for text or a reference; None for anything else."""
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, Text):
        return SecretRef(value.template, value.place)
    if isinstance(value, str):
        return SecretRef(value)
    return None

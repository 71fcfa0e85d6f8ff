"""Late values and secrets: the grammar of ``${VAR}`` and ``${backend:address}``, and a reference that never shows what it stands for.

Sits below the configuration. Standard library only, so that a start-up that needs no validation stays cheap. Back ends are in ``registry``,
and ``keyring`` asks them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraisier.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "***"

# In this order: an escaped opening, a whole reference, an opening that is neither. Nothing inside a reference is another one.
_TOKEN = re.compile(
    r"\$\$\{"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:(?!\$\{)[^}])*))?\}"
    r"|\$\{(?P<backend>[A-Za-z_][A-Za-z0-9_-]*):(?!-)(?P<address>(?:(?!\$\{)[^}\n])+)\}"
    r"|\$\{"
)


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


@dataclass(frozen=True)
class Address:
    """One ``${backend:text}`` inside a template: what a back end is asked for when a run needs it."""

    backend: str
    text: str

    def __str__(self) -> str:
        return f"${{{self.backend}:{self.text}}}"


def references(template: str) -> tuple[Reference, ...]:
    """The variables of a template, in order; escaped and malformed ones left out."""
    found = _TOKEN.finditer(template)
    return tuple(Reference(match["name"], match["default"]) for match in found if match["name"])


def addresses(template: str) -> tuple[Address, ...]:
    """What a template asks of back ends, in order."""
    found = _TOKEN.finditer(template)
    return tuple(Address(match["backend"], match["address"]) for match in found if match["backend"])


def has_references(template: str) -> bool:
    return any(match["name"] or match["backend"] for match in _TOKEN.finditer(template))


def fault_of(template: str, environ: Mapping[str, str]) -> str | None:
    """Why ``substitute`` would fail for want of a variable, in words that never hold a value; None when it would not."""
    if any(match[0] == "${" for match in _TOKEN.finditer(template)):
        return "'${' must be followed by a variable name and '}'; for the two characters themselves write '$${'"
    for reference in references(template):
        if reference.value(environ) is None:
            return f"the variable {reference.name} is not set"
    return None


def substitute(template: str, environ: Mapping[str, str], values: Mapping[Address, str] | None = None) -> str:
    """``template`` with references replaced and ``$${`` unescaped. ``values``: what back ends have said to its ``addresses``, all of them.

    Raises ConfigError when ``fault_of`` finds one.
    """
    fault = fault_of(template, environ)
    if fault:
        raise ConfigError(fault)
    said = {} if values is None else values

    def replace(match: re.Match[str]) -> str:
        if match["backend"]:
            return said[Address(match["backend"], match["address"])]
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
    """A secret as it was written: ``template`` may name variables and back ends. Its value is what a ``Keyring`` says, and nowhere else.

    ``place`` (``fraises.yaml:14:7 fraises.my_api...``) is for messages, ``root`` is the folder that relative paths of addresses start at;
    neither takes part in comparisons. A template without references is the secret itself, so it is never shown either.
    """

    template: str
    place: str = field(default="", compare=False)
    root: str = field(default="", compare=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables that the secret is made from."""
        return tuple(reference.name for reference in references(self.template))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """What back ends have to be asked for."""
        return addresses(self.template)

    def filled(self, environ: Mapping[str, str], values: Mapping[Address, str] | None = None) -> str:
        """The secret's value, from ``environ`` and the ``values`` of all its addresses. Raises ConfigError, with the place, for a variable
        that is missing."""
        fault = fault_of(self.template, environ)
        if fault:
            raise ConfigError([Problem(fault, path=self.place)])
        return substitute(self.template, environ, values)

    def __repr__(self) -> str:
        source = ", ".join([*self.variables, *map(str, self.addresses)]) or "literal"
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

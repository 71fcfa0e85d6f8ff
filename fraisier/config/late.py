"""1b. Late values: replaces the variables of every text by their values, and says which are missing. What only a back end can say stays
a reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fraisier.config.tree import Entry, Value, mapping
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.secrets import SecretRef, Text, addresses, fault_of, references, substitute
from fraisier.secrets.registry import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraisier.config.report import Report


@dataclass
class Substitution:
    """Variables that the file refers to, and where: place of the text -> names."""

    environ: Mapping[str, str]
    report: Report
    root: Path = field(default_factory=Path)
    used: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def applied(self, value: Value) -> Value:
        """The value with all texts resolved. A text that cannot be is reported, and is null in what comes out."""
        if isinstance(value.data, dict):
            entries = {key: Entry(entry.key, self.applied(entry.value)) for key, entry in value.data.items()}
            return mapping(entries, value.place)
        if isinstance(value.data, list):
            return Value([self.applied(item) for item in value.data], value.place, value.size)
        return self._text(value) if isinstance(value.data, str) else value

    def _text(self, value: Value) -> Value:
        template, place = value.data, value.place
        fault = fault_of(template, self.environ)
        if fault:
            self.report.add(place, fault, _hint(template, self.environ))
            return Value(None, place)
        shown = f"{self.report.file}:{place.line}:{place.column} {place.dotted}"
        if names := tuple(reference.name for reference in references(template)):
            self.used[shown] = names
        if addresses(template):
            return Value(self._reference(template, value, shown), place)
        return Value(Text(substitute(template, self.environ), template=template, place=shown), place)

    def _reference(self, template: str, value: Value, shown: str) -> SecretRef | None:
        """A secret that nobody is asked for yet; None, reported, when one of its addresses can be none."""
        is_sound = True
        for each in addresses(template):
            if each.backend not in BACKENDS:
                near = did_you_mean(each.backend, BACKENDS) or f"known are {', '.join(BACKENDS)}"
                hint = f"{near}; a default of a variable is written ${{{each.backend}:-default}}"
                self.report.add(value.place, f"there is no back end of secrets {each.backend!r}", hint)
                is_sound = False
            elif fault := BACKENDS[each.backend].fault_of(each.text):
                self.report.add(value.place, f"{fault} after '${{{each.backend}:', got {each.text!r}")
                is_sound = False
        return SecretRef(template, shown, str(self.root)) if is_sound else None


def _hint(template: str, environ: Mapping[str, str]) -> str:
    for reference in references(template):
        if reference.value(environ) is None:
            name = reference.name
            return f"set it or put it in .env; a default is written ${{{name}:-default}}, the text itself $${{{name}}}"
    return ""

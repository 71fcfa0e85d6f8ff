"""Validates one section of the tree with its model, and says in plain words, at the right place, what is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from fraisier.config.earlier import instead
from fraisier.config.tree import Place, Value
from fraisier.fraise_types.fields import AS_IS, REFUSED
from fraisier.secrets import SecretRef, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic_core import ErrorDetails

    from fraisier.config.report import Report

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]

LONGEST_SHOWN: Final = 60
NOT_KNOWN_YET: Final = "is needed when the file is read, long before a back end of secrets is asked"
_EXPECTED: Final = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "dict": "a mapping",
    "model": "a mapping",
    "mapping": "a mapping",
    "tuple": "a list",
    "list": "a list",
    "literal": "one of {}",
    "enum": "one of {}",
}
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def validated(model: type[Model], value: Value, report: Report, *, also_known: Iterable[str] = ()) -> Model | None:
    """``value`` as ``model``, or None after everything wrong with it was reported. Nulls are the same as absent keys.

    ``also_known``: keys that belong to the section but not to the model, for suggestions.
    """
    try:
        return model.model_validate(_data(model, value, ()))
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in [each for each in details if not _follows_another(each, details, value, report)]:
            _explain(detail, model, value, report, also_known)
    return None


def _data(model: type[BaseModel], value: Value, location: Location) -> Any:
    """Ordinary data without the keys that are null, save those that the model does not know and must refuse."""
    if isinstance(value.data, list):
        return [_data(model, item, (*location, position)) for position, item in enumerate(value.data)]
    if not isinstance(value.data, dict):
        return value.data
    has_nulls = any(entry.value.data is None for entry in value.data.values())
    known = _keys_at(model, location) if has_nulls else []
    return {
        key: _data(model, entry.value, (*location, key))
        for key, entry in value.data.items()
        if entry.value.data is not None or (known and key not in known)
    }


def _follows_another(detail: ErrorDetails, details: list[ErrorDetails], value: Value, report: Report) -> bool:
    """Whether an error only repeats one that is told already."""
    location = detail["loc"]
    if detail["type"] == "missing":
        return report.is_faulty(*value.place.path, *location)
    place, found = _located(value, location, is_key=False)
    if detail["type"] == "too_short":  # items that are at fault do not count
        inside = (
            each for each in details if len(each["loc"]) > len(location) and each["loc"][: len(location)] == location
        )
        return any(inside) or report.is_faulty(*place.path)
    # what could not be resolved is null by now
    return found.data is None and report.is_faulty(*place.path)


def _explain(detail: ErrorDetails, model: type[BaseModel], value: Value, report: Report, also: Iterable[str]) -> None:
    location = detail["loc"]
    place, found = _located(value, location, is_key=detail["type"] == "extra_forbidden")
    if detail["type"] == "extra_forbidden":
        known, key = [*_keys_at(model, location[:-1]), *(also if len(location) == 1 else ())], str(location[-1])
        earlier = [hint for kind in _kinds_at(model, location[:-1]) if _is_model(kind) and (hint := instead(kind, key))]
        report.add(place, "unknown key", (*earlier, "")[0] or report.suggestion(key, known))
    elif detail["type"] == "missing":
        report.add(place, f"{location[-1]} is missing", _choices(model, location))
    else:
        report.add(place, *_sentence(detail, found, report))


def _located(value: Value, location: Location, *, is_key: bool) -> tuple[Place, Value]:
    """Where the location of an error was written. Parts that only the model knows of are passed over."""
    place = value.place
    for named in location:
        # the short form became the long one on the way into the model
        part = "command" if named == "commands" and "command" in value.entries else named
        if isinstance(value.data, dict) and part in value.data:
            entry = value.data[part]
            place, value = (entry.key if is_key else entry.value.place), entry.value
        elif isinstance(value.data, list) and isinstance(part, int) and part < len(value.data):
            value = value.data[part]
            place = value.place
        elif part == "[key]":
            # the key itself is at fault, and pydantic gave it one step before
            value = Value(location[-2])
    return place, value


def _choices(model: type[BaseModel], location: Location) -> str:
    words = [word for kind in _kinds_at(model, location) if get_origin(kind) is Literal for word in get_args(kind)]
    if not words and len(location) == 1:
        words = model.model_json_schema()["properties"][str(location[0])].get("enum", [])
    return f"one of {', '.join(words)}" if words else ""


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    return [name for kind in _kinds_at(model, location) if _is_model(kind) for name in kind.model_fields]


def _kinds_at(model: type[BaseModel], location: Location) -> list[Any]:
    """What the model takes at a location: the members of the type found there."""
    kinds: list[Any] = [model]
    for part in location:
        kinds = [inner for kind in kinds for inner in _step(kind, part)]
    return [member for kind in kinds for member in _flat(kind)]


def _step(kind: Any, part: str | int) -> list[Any]:
    found: list[Any] = []
    for each in _flat(kind):
        if _is_model(each) and part in each.model_fields:
            found.append(each.model_fields[part].annotation)
        elif get_origin(each) in (dict, tuple) and get_args(each):
            found.append(get_args(each)[1 if get_origin(each) is dict else 0])
    return found


def _flat(kind: Any) -> list[Any]:
    """The members of a union, without their annotations."""
    if hasattr(kind, "__metadata__"):
        return _flat(kind.__origin__)
    if get_origin(kind) in (None, dict, tuple, Literal):
        return [kind]
    return [each for member in get_args(kind) for each in _flat(member)]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _sentence(detail: ErrorDetails, found: Value, report: Report) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if isinstance(found.data, SecretRef):
        return NOT_KNOWN_YET, "write it out, or as a variable"
    if kind in (AS_IS, REFUSED):
        shown = "" if kind == AS_IS else f", got {described(found)}"
        return f"{context['message']}{shown}", str(context.get("hint", ""))
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"must be {words} {context[key]}, got {described(found)}", ""
    if kind == "too_short":
        return "must not be empty", ""
    return _wrong_kind(kind, context, found, report)


def _wrong_kind(kind: str, context: Mapping[str, Any], found: Value, report: Report) -> tuple[str, str]:
    expected = _EXPECTED.get(kind.split("_", 1)[0], "something else")
    choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    hint = ""
    if choices and isinstance(found.data, str):
        hint = report.suggestion(found.data, choices)
    elif expected == "text" and isinstance(found.data, (int, float)):
        hint = "put it in quotes"
    return f"expected {expected.format(', '.join(choices))}, got {described(found)}", hint


def described(value: Value) -> str:
    """A value for a message; text that came from a variable is shown as it was written, since it may be a secret."""
    names: dict[type, Callable[[Any], str]] = {
        dict: lambda _: "a mapping",
        list: lambda _: "a list",
        type(None): lambda _: "nothing",
        bool: lambda data: "true" if data else "false",
        int: lambda data: f"the number {data}",
        float: lambda data: f"the number {data}",
        str: lambda data: f"text {_shortened(data)!r}",
        Text: lambda data: f"text {_shortened(data.template)!r}",
        SecretRef: lambda data: f"text {_shortened(data.template)!r}",
    }
    return names[type(value.data)](value.data)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"

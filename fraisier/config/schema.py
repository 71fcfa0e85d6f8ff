"""The JSON Schema of fraises.yaml, for editors and for the reference; made from the models, so it cannot go stale."""

from __future__ import annotations

from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, create_model

from fraisier.config.model import BranchTargets, FraiseHead, GitProviders, Notifications, Server, Top, Webhook
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.settings import Group, Placement
from fraisier.vocabulary import NAME

IDENTIFIER: Final = "urn:fraisier:schema:fraises.yaml"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_REFERENCE: Final = {"$ref": "#/$defs/Reference"}
_ABOUT: Final[tuple[str, ...]] = ("title", "description", "default")
_NAMES_BELOW: Final = ("fraises", "environments", "hooks", "jobs")
_BELOW: Final[tuple[str, ...]] = ("items", "additionalProperties")


def config_schema() -> dict[str, Any]:
    """The schema as data (JSON Schema 2020-12). What depends on inheritance is left to ``fraisier config validate``."""
    schema = _file_model().model_json_schema()
    definitions = {name: _as_written(definition) for name, definition in schema.pop("$defs").items()}
    definitions["Reference"] = {
        "description": "Text with a reference to a variable: ${NAME} or ${NAME:-default}.",
        "type": "string",
        "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}",
    }
    top = {**_as_written(schema), "title": "fraises.yaml", "$defs": definitions}
    return {"$schema": DIALECT, "$id": IDENTIFIER, **top}


def _file_model() -> type[BaseModel]:
    fraise: Any = reduce(or_, (_fraise_model(name) for name in TYPES))
    sections: dict[str, Any] = {
        "git": GitProviders,
        "hooks": dict[str, Webhook],
        "fraises": GenericAlias(dict, (str, Annotated[fraise, Field(discriminator="type")])),
        "environments": dict[str, Placement],
        "groups": dict[str, Group],
        "branch_mapping": dict[str, BranchTargets],
        "notifications": Notifications,
        "server": Server,
    }
    fields: Any = {name: (kind, _about(Top, name)) for name, kind in sections.items()}
    return create_model("File", __base__=Top, __doc__="What can be deployed, and where to.", **fields)


def _fraise_model(name: str) -> Any:
    """A fraise of one type: its head, and settings for all its environments beside them."""
    settings, title = TYPES[name].Settings, name.title().replace("_", "")
    own = create_model(f"{title}Environment", __base__=settings, __doc__=settings.__doc__)
    fields: Any = {
        "type": (Literal[name], Field(description=FraiseHead.model_fields["type"].description)),
        "description": (str, _about(FraiseHead, "description")),
        "environments": (dict[str, own], _about(FraiseHead, "environments")),
    }
    return create_model(f"{title}Fraise", __base__=settings, __doc__=TYPES[name].Settings.__doc__, **fields)


def _about(model: type[BaseModel], name: str) -> Any:
    field = model.model_fields[name]
    return Field(field.get_default(), description=field.description)


def _as_written(schema: Any) -> Any:
    """The schema of what people write: null resets, a variable may stand for any scalar, one may stand for a list."""
    if not isinstance(schema, dict):
        return schema
    changed = dict(schema)
    for key in _BELOW:
        if isinstance(changed.get(key), dict):
            changed[key] = _nullable(_as_written(changed[key])) if key != "items" else _as_written(changed[key])
    for key in ("anyOf", "oneOf"):
        if key in changed:
            changed[key] = [_as_written(member) for member in changed[key]]
    if "properties" in changed:
        changed["properties"] = {
            name: _nullable(_named(name, _as_written(inner))) for name, inner in changed["properties"].items()
        }
    return _one_or_list(_late(changed))


def _named(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name not in _NAMES_BELOW or "propertyNames" in schema:
        return schema
    return {**schema, "propertyNames": {"pattern": f"^{NAME.pattern}$"}}


def _late(schema: dict[str, Any]) -> dict[str, Any]:
    is_scalar = schema.get("type") in ("integer", "number", "boolean") or "enum" in schema
    return _either(schema, _REFERENCE) if is_scalar else schema


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return schema if _allows_null(schema) else _either(schema, {"type": "null"})


def _allows_null(schema: dict[str, Any]) -> bool:
    return not schema or schema.get("type") == "null" or any(map(_allows_null, schema.get("anyOf", [])))


def _one_or_list(schema: dict[str, Any]) -> dict[str, Any]:
    return _either(schema, schema["items"]) if schema.pop("x-or-one", False) else schema


def _either(schema: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Anything that fits one of them, with what is said about the first."""
    about = {key: schema[key] for key in _ABOUT if key in schema}
    rest = {key: inner for key, inner in schema.items() if key not in _ABOUT}
    members = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {**about, "anyOf": [*members, other]}

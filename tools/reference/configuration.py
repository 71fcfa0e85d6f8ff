"""fraises.yaml, from the models that check it: every setting, what may be written, its default, its meaning."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from fraisier.config.model import (
    BranchTarget,
    Engine,
    FraiseHead,
    GitProvider,
    GitProviders,
    Notifications,
    Server,
    Top,
    Webhook,
)
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.release import FromGit, Release
from fraisier.fraise_types.settings import Group, Placement
from reference.markdown import page, table, words

INTRO = """\
Every setting, from the models that check the file; `fraisier config schema` gives the same to an editor. A file with all of them is
`fraises.example.yaml`. `fraisier config validate` tells everything that is wrong with yours, with its line.

* **Inheritance**: `environments.<environment>`, then the fraise, then the fraise's environment; later wins. Mappings merge deeply, lists
  and single values replace, `null` goes back to the default.
* **Variables**: `${VAR}` and `${VAR:-default}` stand for variables of the process or of the `.env` file beside fraises.yaml (the process
  wins); `!envvar VAR` is `${VAR}`; `$${` is a literal `${`. One that is not set is an error with its place.
* **Secrets** are kept as references: they are never shown, recorded or written into a plan. [How to](../how-to/secrets.md).
* **Text is data**: nothing here is a template for Ansible, save what stands below `vars`.
* **Where it is looked for**: `--config`, `FRAISIER_CONFIG`, `./fraises.yaml`, `./config/fraises.yaml`, the user's configuration folder
  (`~/.config/fraisier/`), `/etc/fraisier/`.
* **Names** of fraises, environments, hooks and jobs: a-z, 0-9, `-` and `_`, 63 characters at most, a letter or digit at both ends.
* **Not built yet** marks what this version reads and checks, and then refuses or does not use; the sentence says which."""

NOT_BUILT = {
    "Top.plugin": "the inventory plugin comes later",
}
PARTS: tuple[tuple[str, type[BaseModel], type[BaseModel] | None], ...] = (
    ("The file", Top, None),
    ("git.`service`", GitProvider, None),
    ("git: the services", GitProviders, None),
    ("hooks.`name`", Webhook, None),
    ("groups.`name`", Group, None),
    ("branch_mapping.`branch`", BranchTarget, None),
    ("notifications", Notifications, None),
    ("server", Server, None),
    ("engine", Engine, None),
    ("fraises.`name`", FraiseHead, None),
    ("Every fraise: where, and as whom", Placement, None),
    ("Fraises that are made from a repository", FromGit, Placement),
    ("Fraises that are released to hosts", Release, FromGit),
)


def configuration_page() -> str:
    lines, seen = [INTRO], set[type[BaseModel]]()
    parts = [*PARTS, *((f"type: {name}", module.Settings, _base(module.Settings)) for name, module in TYPES.items())]
    for title, model, base in parts:
        lines += _section(title, model, base.model_fields if base else (), seen)
    return page("fraises.yaml", *lines)


def _base(model: type[Placement]) -> type[Placement]:
    return next(base for base in (Release, FromGit, Placement) if issubclass(model, base))


def _section(title: str, model: type[BaseModel], without: Iterable[str], seen: set[type[BaseModel]]) -> list[str]:
    """A heading and a table, then the same for the mappings that the settings hold, each once."""
    if model in seen:
        return []
    seen.add(model)
    about = words(model.__doc__)
    if title.startswith("type: ") and not TYPES[title.removeprefix("type: ")].BUILT:
        about += " **Not built yet:** deploying it is refused."
    lines = ["", f"## {title}", "", about, "", *_settings(model, without)]
    prefix = f"{title}." if model is Database else ""
    for name, below in _mappings(model, without):
        lines += _section(prefix + name, below, (), seen)
    return lines


def _settings(model: type[BaseModel], without: Iterable[str]) -> list[str]:
    schema, rows = model.model_json_schema(), []
    enums = {name: each["enum"] for name, each in schema.get("$defs", {}).items() if "enum" in each}
    for name, field in model.model_fields.items():
        if name in without:
            continue
        meaning, _, default = (field.description or "").removesuffix(" Required.").partition(" Default: ")
        required = field.is_required() or (field.description or "").endswith(" Required.")
        if later := NOT_BUILT.get(f"{model.__name__}.{name}"):
            meaning += f" **Not built yet:** {later}."
        rows.append(
            (
                f"`{name}`",
                kind(_with_words(schema["properties"][name], enums)),
                default.rstrip(".") or ("required" if required else "none"),
                meaning,
            )
        )
    return table(("setting", "written as", "default", "meaning"), rows)


def _with_words(schema: Any, enums: Mapping[str, list[str]]) -> Any:
    """The schema with the words of enumerations in the place of references to them."""
    if isinstance(schema, list):
        return [_with_words(each, enums) for each in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return {"enum": enums[name]} if name in enums else {key: _with_words(each, enums) for key, each in schema.items()}


def _mappings(model: type[BaseModel], without: Iterable[str]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        waiting: list[Any] = [] if name in without else [field.annotation]
        while waiting:
            each = waiting.pop()
            if inspect.isclass(each) and issubclass(each, BaseModel):
                yield name, each
            waiting += [*getattr(each, "__args__", ()), *([each.__origin__] if hasattr(each, "__metadata__") else [])]


def kind(schema: dict[str, Any]) -> str:
    """What may be written, in words, from a property's JSON schema."""
    if schema.get("x-or-one"):
        return f"{kind(schema['items'])}, or a list"
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return ", or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"] if each.get("type") != "null"))
    least = f" from {schema['minimum']}" if schema.get("minimum") else ""
    match schema.get("type"):
        case "array":
            inner = kind(schema["items"])
            return "list of texts" if inner == "text" else f"list of ({inner})"
        case "integer":
            return f"whole number{least}"
        case "number":
            return f"number{least}"
        case "boolean":
            return "`true` or `false`"
        case "string" | list():
            return "text"
    return "mapping"

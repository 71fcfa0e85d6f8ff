"""The configuration. Names are imported when they are used, so that a start-up that needs no validation stays cheap."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fraisier.config.cache import ListingRow as ListingRow
    from fraisier.config.cache import load_listing as load_listing
    from fraisier.config.find import find_config as find_config
    from fraisier.config.load import FraisierConfig as FraisierConfig
    from fraisier.config.resolved import Fraise as Fraise
    from fraisier.config.resolved import ResolvedFraise as ResolvedFraise
    from fraisier.config.schema import config_schema as config_schema
    from fraisier.config.show import resolved_as_data as resolved_as_data
    from fraisier.config.template import starter as starter

_HOMES: Final = {
    "Fraise": "resolved",
    "FraisierConfig": "load",
    "ListingRow": "cache",
    "ResolvedFraise": "resolved",
    "config_schema": "schema",
    "find_config": "find",
    "load_listing": "cache",
    "resolved_as_data": "show",
    "starter": "template",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 - a list, made from the dict above


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

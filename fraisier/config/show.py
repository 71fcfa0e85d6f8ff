"""The configuration as data for ``fraisier config show``: everything resolved, every secret masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fraisier.config.load import FraisierConfig
    from fraisier.config.resolved import Fraise


def resolved_as_data(config: FraisierConfig) -> dict[str, Any]:
    """JSON-ready data in the shape of fraises.yaml, with inheritance and variables resolved and defaults filled in."""
    return {
        "path": str(config.path),
        "git": config.git.model_dump(mode="json", exclude_none=True),
        "hooks": {name: webhook.model_dump(mode="json") for name, webhook in config.hooks.items()},
        "fraises": {name: _fraise(fraise) for name, fraise in config.fraises.items()},
        "branch_mapping": {branch: [t.slug for t in targets] for branch, targets in config.branch_mapping.items()},
        "notifications": config.notifications.model_dump(mode="json"),
    }


def _fraise(fraise: Fraise) -> dict[str, Any]:
    return {
        "type": fraise.type,
        "description": fraise.description,
        "environments": {
            name: resolved.settings.model_dump(mode="json", exclude={"server"})
            for name, resolved in fraise.environments.items()
        },
    }

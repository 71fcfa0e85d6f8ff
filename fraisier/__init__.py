"""Fraisier: deployable services from one fraises.yaml, through Ansible.

The library's public face; each name is imported when it is used, so that the command line starts fast::

    from fraisier import FraisierConfig, Database, deployer

    config = FraisierConfig("fraises.yaml")
    result = deployer(config, "my_api", "production").execute()
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "FraisierConfig": "fraisier.config",
    "Database": "fraisier.record.database",
    "Deployer": "fraisier.library",
    "DeploymentResult": "fraisier.work",
    "deployer": "fraisier.library",
    "Target": "fraisier.vocabulary",
    "Status": "fraisier.vocabulary",
    "FraisierError": "fraisier.errors",
}
__all__ = [
    "Database",
    "Deployer",
    "DeploymentResult",
    "FraisierConfig",
    "FraisierError",
    "Status",
    "Target",
    "__version__",
    "deployer",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'fraisier' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)

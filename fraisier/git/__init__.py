"""Git: who may call (one module per provider) and what is there (``remote``).

Importing this package imports no provider and nothing of third parties: looking one up in ``PROVIDERS`` does.
"""

from __future__ import annotations

from fraisier.git.event import WebhookEvent
from fraisier.git.registry import PROVIDERS, Provider, detect

__all__ = ["PROVIDERS", "Provider", "WebhookEvent", "detect"]

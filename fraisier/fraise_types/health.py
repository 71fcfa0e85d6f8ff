"""What role health reads, from the health check of a fraise. Pure, as compiling is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fraisier.plan import Template

if TYPE_CHECKING:
    from fraisier.fraise_types.service import HealthCheck
    from fraisier.plan import Secrets

LOG_LINES: Final = 20


def health_variables(
    check: HealthCheck | None,
    secrets: Secrets,
    *,
    manager: str,
    unit: str = "",
    scope: str = "system",
    program: str = "",
    home: str = "",
) -> dict[str, Any]:
    """``manager`` and what follows name the process whose last words are shown when it is not healthy: a unit or a program."""
    found: dict[str, Any] = {"manager": manager, "unit": unit, "scope": scope, "program": program, "home": home}
    found["log_lines"] = LOG_LINES
    if check:
        headers = secrets.mapping("header", check.headers)
        if check.auth_token is not None:
            token = secrets.value("health_auth_token", check.auth_token)
            headers["Authorization"] = Template(f"Bearer {token}")
        found |= {
            "url": check.url or "",
            "status": list(check.status),
            "timeout_seconds": check.timeout_seconds,
            "interval_seconds": check.interval_seconds,
            "request_timeout_seconds": check.request_timeout_seconds,
            "version_json": check.version_json or "",
            "version_header": check.version_header or "",
            "headers": headers,
            "command": words(check.command) if check.command else "",
            "verify_tls": check.verify_tls,
            "after_start": check.after_start,
        }
    return {f"fraisier_health_{key}": value for key, value in found.items()}


def words(command: str | tuple[str, ...]) -> str | list[str]:
    """A command as the roles take it: text for the shell, or a list of words."""
    return command if isinstance(command, str) else list(command)

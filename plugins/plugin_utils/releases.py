"""Names of a release on a host, for every plugin that runs something inside one."""

# SPDX-License-Identifier: MIT

from __future__ import annotations


def release_environment(app_path: str, release_id: str, version: str) -> dict[str, str]:
    """What each of the user's commands finds in its environment."""
    return {
        "FRAISIER_APP_PATH": app_path,
        "FRAISIER_RELEASE_ID": release_id,
        "FRAISIER_RELEASE_PATH": f"{app_path}/releases/{release_id}",
        "FRAISIER_VERSION": version,
    }

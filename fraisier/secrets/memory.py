"""Secrets in memory stay there: no core file of a process that holds some."""

from __future__ import annotations

import resource


def forbid_core_files() -> None:
    """For this process and all that it starts from now on.

    The limit is one byte where that is allowed, not none: where the kernel pipes cores to a program, it looks at no limit but this one.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if most == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))

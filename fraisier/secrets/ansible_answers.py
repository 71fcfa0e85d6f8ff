"""Asks a process with Ansible in it: its own start costs a second, once for everything that one run needs of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fraisier.errors import SecretUnavailable
from fraisier.secrets.program import output

PROCESS = Path(__file__).with_name("ansible_process.py")


def ask(questions: Sequence[Mapping[str, Any]], environ: Mapping[str, str], root: Path) -> list[Any]:
    """The answer to each question: JSON data, or the error. Questions and answers go through pipes."""
    said = output([sys.executable, "-P", str(PROCESS)], environ, root, given=json.dumps(questions))
    try:
        answers = json.loads(said)
    except ValueError:
        raise SecretUnavailable("Ansible gave no answer") from None
    return [SecretUnavailable(each["error"]) if "error" in each else each["value"] for each in answers]

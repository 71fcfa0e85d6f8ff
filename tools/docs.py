"""`python tools/docs.py` writes docs/reference/ and inventory/example/ from the code; with `--check` it only names what is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from reference.collection import EXAMPLE, inventories, roles_page
from reference.commands import cli_page, exit_codes_page, statuses_page
from reference.configuration import configuration_page
from reference.database import database_page
from reference.library import library_page
from reference.markdown import ROOT

REFERENCE = ROOT / "docs" / "reference"


def pages() -> dict[Path, str]:
    return {
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "configuration.md": configuration_page(),
        REFERENCE / "database.md": database_page(),
        REFERENCE / "exit-codes.md": exit_codes_page(),
        REFERENCE / "library.md": library_page(),
        REFERENCE / "roles.md": roles_page(),
        REFERENCE / "statuses-and-phases.md": statuses_page(),
        **inventories(),
    }


def main(arguments: list[str]) -> int:
    wanted = pages()
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    left_over = [path for path in EXAMPLE.glob("*.yml") if path not in wanted]
    if "--check" in arguments:
        for path in [*stale, *left_over]:
            print(f"{path.relative_to(ROOT)} is stale: run python tools/docs.py")
        return 1 if stale or left_over else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    for path in left_over:
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Rows that people name: by their id, or by the beginning of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fraisier.errors import UsageError

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger, Row

_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")


def row_named(ledger: Ledger, sql: str, given: str, *, what: str, hint: str = "") -> Row | None:
    """The row of ``sql`` whose id is ``given`` or begins so (four characters at least), None when there is none.

    ``sql`` selects by ``id >= :low AND id < :high``. Raises UsageError when several begin so; ``what`` says of what there are several.
    """
    if not _ID.fullmatch(given):
        return None
    # 'g' follows every character that an id can have: the range is served by the index.
    found = ledger.query(f"{sql} LIMIT 2", low=given, high=f"{given}g")
    if len(found) > 1:
        raise UsageError(f"several {what} begin with {given}", hint=f"write more of the id{hint}")
    return found[0] if found else None

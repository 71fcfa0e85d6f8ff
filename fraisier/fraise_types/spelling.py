"""Did you mean: the nearest known word for a word that is not known."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LIKE: Final = 0.7
LONGEST: Final = 100
"""Longer text is no misspelt word, and the comparison is quadratic."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'branch'?``, or '' when no known word is near."""
    if len(word) > LONGEST:
        return ""
    likeness, nearest = max(((_likeness(word, each), each) for each in known), default=(0.0, ""))
    return f"did you mean '{nearest}'?" if likeness >= LIKE else ""


def _likeness(word: str, known: str) -> float:
    whole = SequenceMatcher(None, word, known).ratio()
    # "timeot" is nearer to the beginning of "timeout_seconds" than to the whole of it; whole words win when both fit
    beginning = SequenceMatcher(None, word, known[: len(word) + 1]).ratio() - 0.1 if len(word) > 3 else 0.0
    return max(whole, beginning)

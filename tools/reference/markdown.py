"""What all pages share: their head, tables, and docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MADE = "<!-- Made from the code by tools/docs.py; changes belong there. -->"


def page(title: str, *lines: str) -> str:
    return "\n".join([f"# {title}", "", MADE, "", *lines]).rstrip() + "\n"


def table(headers: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    return [_row(headers), _row(("---",) * len(headers)), *map(_row, rows)]


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _cell(text: str) -> str:
    """``<name>`` is a tag to renderers, unless it stands in code; every other part between backticks is code."""
    parts = text.replace("|", "\\|").replace("\n", " ").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def words(docstring: str | None) -> str:
    """A docstring as Markdown."""
    text = inspect.cleandoc(docstring or "")
    return re.sub(r":(?:func|meth|mod|class):`([^`]+)`", r"`\1`", text).replace("``", "`")

"""The ``.env`` file beside fraises.yaml: ``NAME=value`` lines, read strictly. Standard library only.

Values: bare (a ``#`` after a space begins a comment), 'single quoted' (as it stands), or "double quoted" with the
escapes ``\\n \\r \\t \\\\ \\" \\$``. ``export`` in front is allowed. Nothing is expanded; any other line is an error.
"""

from __future__ import annotations

import re
from typing import Final

from fraisier.errors import ConfigError, Problem

LARGEST_BYTES: Final = 1_000_000

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=[ \t]*
        (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>(?!['"]).*?))
        (?:(?<![^\s'"=])\s*\#.*|\s*)""",
    re.VERBOSE,
)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$"}


def parse_dotenv(content: bytes, file: str = ".env") -> dict[str, str]:
    """Names and values. Raises ConfigError with every line that is wrong; messages never hold a value."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem("is not UTF-8 text", file=file, line=line, column=1)]) from None
    values: dict[str, str] = {}
    problems = []
    for number, written in enumerate(text.split("\n"), start=1):
        assignment = written.strip()
        fault = _read(assignment, values) if assignment and not assignment.startswith("#") else ""
        if fault:
            problems.append(Problem(fault, file=file, line=number, column=1))
    if problems:
        raise ConfigError(problems)
    return values


def _read(line: str, values: dict[str, str]) -> str:
    """Adds what the line says to ``values``; the reason why it cannot, or ''."""
    found = _LINE.fullmatch(line)
    if not found:
        return "expected NAME=value, with quotes closed on the same line"
    name = found["name"]
    if name in values:
        return f"{name} is given twice"
    if "\0" in line:
        return f"the value of {name} holds a NUL character"
    if found["double"] is None:
        values[name] = found["single"] if found["single"] is not None else found["bare"].strip()
        return ""
    return _unescaped(found["double"], name, values)


def _unescaped(quoted: str, name: str, values: dict[str, str]) -> str:
    unknown = [escape for escape in re.findall(r"\\(.)", quoted) if escape not in _ESCAPES]
    if unknown:
        return f"the value of {name} holds an unknown escape, \\{unknown[0]}"
    values[name] = re.sub(r"\\(.)", lambda match: _ESCAPES[match[1]], quoted)
    return ""

"""Feeds verify and parse of every provider with what a fuzzer makes up: `python tests/fuzz/webhooks.py [libFuzzer options] [corpus]`.

An input is written like a request: the provider's name, headers one a line, an empty line, the body. `--seeds FOLDER` writes every
delivery of the unit tests in that form, for a corpus to start from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["fraisier.git"]):
    from fraisier.git import PROVIDERS

    LOADED = [PROVIDERS[name] for name in PROVIDERS]

from tests.unit.git.deliveries import OTHER_SECRET, SECRET, SIGNING_TOKEN, all_deliveries, as_form, signed
from tests.unit.git.promises import ask_everything

NAMES = list(PROVIDERS)


def ask(data: bytes) -> None:
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\n")
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    provider = first if first in NAMES else NAMES[len(data) % len(NAMES)]
    for secrets in ([SECRET, OTHER_SECRET], [SIGNING_TOKEN]):
        ask_everything(provider, headers, body, secrets)


def write_seeds(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for delivery in (each for plain in all_deliveries() for each in (plain, as_form(plain))):
        lines = [delivery.provider, *(f"{name}: {value}" for name, value in signed(delivery).items())]
        kind = delivery.headers["Content-Type"].rpartition("/")[2][:4]
        (folder / f"{delivery}-{kind}").write_bytes("\n".join(lines).encode() + b"\n\n" + delivery.body)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--seeds"]:
        write_seeds(Path(sys.argv[2]))
    else:
        atheris.Setup(sys.argv, ask)
        atheris.Fuzz()

"""A bounded run of the fuzzer over verify and parse, from the deliveries of the unit tests."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TARGET = Path(__file__).with_name("webhooks.py")
RUNS = 20_000
SECONDS = 30


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python")
def test_a_fuzzer_finds_no_input_that_breaks_a_provider(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    subprocess.run([sys.executable, TARGET, "--seeds", corpus], check=True, capture_output=True)
    seeds = len(list(corpus.iterdir()))
    options = [
        f"-runs={RUNS}",
        f"-max_total_time={SECONDS}",
        "-max_len=8192",
        "-timeout=60",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run([sys.executable, TARGET, *options, corpus], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "DONE" in done.stderr
    assert seeds > 200
    assert len(list(corpus.iterdir())) >= seeds

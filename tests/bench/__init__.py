"""Measurements of our own speed: ``python -m tests.bench`` (what ``make bench`` runs). docs/reference/performance.md has the figures."""

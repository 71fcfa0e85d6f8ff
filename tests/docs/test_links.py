"""Links inside the documentation lead somewhere, and every page is reached."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import NAMES, PAGES, ROOT, anchors, links, text_of


def resolved(name: str, link: str) -> tuple[Path, str]:
    path, _, anchor = link.partition("#")
    page = ROOT / name
    return (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    for link in links(name):
        if re.match(r"https?://", link):
            continue
        path, anchor = resolved(name, link)
        assert path.exists(), link
        assert path.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(path), link


def test_every_page_is_linked_from_another() -> None:
    reached = {resolved(name, link)[0] for name in NAMES for link in links(name) if not link.startswith("http")}
    lonely = [path for path in PAGES if path not in reached and path != ROOT / "README.md"]
    assert not lonely, "name it in the README's list"


def test_files_and_folders_that_contributors_are_told_of_exist() -> None:
    named = re.findall(r"`([\w./-]+/[\w./-]*)`", text_of("CONTRIBUTING.md"))
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_told_to_install_another_project(name: str) -> None:
    """The name on PyPI is not ours."""
    assert not re.search(r"pip install (-\S+ )*fraisier\b(?!-ansible)", text_of(name))

"""What forks of the warm process need not read: playbooks parsed before, and copies that share what cannot change."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from ansible import constants
from ansible._internal._datatag._tags import Origin, TrustedAsTemplate
from ansible.parsing.dataloader import DataLoader

from fraisier.run import collection
from fraisier.run.warm import reading

YAML = "- name: One\n  hosts: all\n  vars: {deep: [text, 1, 2.5, true, ~]}\n"


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replaced in ansible-core is put back."""
    for kind in reading.sharing():
        monkeypatch.setattr(kind, "__deepcopy__", None, raising=False)
        monkeypatch.delattr(kind, "__deepcopy__")
    monkeypatch.setattr(DataLoader, "load", DataLoader.load)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collections path with a playbook in our collection."""
    place = tmp_path / "ansible_collections" / "fraisier" / "deploy"
    (place / "playbooks").mkdir(parents=True)
    (place / "playbooks" / "one.yml").write_text(YAML)
    monkeypatch.setattr(constants, "COLLECTIONS_PATHS", [str(tmp_path)])
    return place / "playbooks" / "one.yml"


def loaded(path: Path) -> object:
    return DataLoader().load_from_file(str(path), trusted_as_template=True)


def test_a_copy_shares_texts_and_no_container(place: Path) -> None:
    before = loaded(place)
    plain = copy.deepcopy(before)
    reading.share_what_cannot_change()
    shared = copy.deepcopy(before)
    assert shared == plain == before
    assert shared[0]["name"] is before[0]["name"]
    assert Origin.get_tag(shared[0]) == Origin.get_tag(plain[0])
    assert Origin.get_tag(shared[0]["name"]) == Origin.get_tag(plain[0]["name"])
    shared[0]["vars"]["deep"].append("more")
    assert len(before[0]["vars"]["deep"]) == 5, "what is changed in a copy stays there"


def test_what_is_known_is_what_would_have_been_read(place: Path) -> None:
    plain = loaded(place)
    files = reading.Files()
    assert files.waiting == [place]
    files.learn_one()
    files.take_effect()
    assert list(files.known) == [(str(place), YAML)]
    found = loaded(place)
    assert not files.known, "it was used"
    assert found == plain
    assert Origin.get_tag(found[0]["name"]) == Origin.get_tag(plain[0]["name"])
    assert TrustedAsTemplate.is_tagged_on(found[0]["name"])


def test_what_was_known_is_read_anew_when_it_changed_or_is_not_trusted(place: Path) -> None:
    files = reading.Files()
    files.learn_one()
    files.take_effect()
    assert not TrustedAsTemplate.is_tagged_on(DataLoader().load_from_file(str(place))[0]["name"])
    place.write_text(YAML.replace("One", "Two"))
    assert loaded(place)[0]["name"] == "Two"
    assert files.known


def test_all_that_a_release_reads_is_among_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collection.link_into(tmp_path)
    monkeypatch.setattr(constants, "COLLECTIONS_PATHS", [str(tmp_path)])
    place = tmp_path / "ansible_collections" / "fraisier" / "deploy"
    waiting = {str(path.relative_to(place)) for path in reading.Files().waiting}
    assert {"playbooks/api.yml", "playbooks/work/fetch.yml", "roles/git/tasks/main.yml"} <= waiting
    assert {"roles/git/defaults/main.yml", "roles/git/meta/main.yml"} <= waiting

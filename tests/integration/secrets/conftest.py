from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import backends


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[backends.Vault]:
    with backends.vault(tmp_path_factory.mktemp("vault")) as found:
        yield found


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[backends.Aws]:
    with backends.aws(tmp_path_factory.mktemp("aws")) as found:
        yield found

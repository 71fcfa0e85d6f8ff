"""What /openapi.json promises is kept: every answer of every address has a described status and shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraisier.record.ledger import Ledger
from fraisier.web.app import Application, create_app
from tests.integration.web.conftest import ENVIRON, FRAISES


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("described")
    (folder / "fraises.yaml").write_text(f"{FRAISES}server: {{openapi: true}}\n")
    with Ledger(f"sqlite:///{folder}/x.db") as ledger:
        yield create_app(Path(folder / "fraises.yaml"), ledger=ledger, environ=ENVIRON)


@pytest.mark.filterwarnings("ignore")
def test_answers_are_as_described(application: Application) -> None:
    described = schemathesis.openapi.from_asgi("/openapi.json", application)

    @given(data=st.data())
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(data: st.DataObject) -> None:
        for operation in described.get_all_operations():
            case = data.draw(operation.ok().as_strategy())
            case.call_and_validate()

    holds()


def test_every_address_is_described(application: Application) -> None:
    paths = application.router.openapi()["paths"]
    assert set(paths) == {"/health", "/ready", "/providers", "/metrics", "/webhook", "/webhook/{hook}"}

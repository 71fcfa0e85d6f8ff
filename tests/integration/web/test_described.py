"""What /openapi.json promises is kept: every answer of every address has a described status and shape."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from fraisier.record.ledger import Ledger
from fraisier.web.app import Application, create_app
from tests.integration.web.conftest import ENVIRON, FRAISES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    folder = tmp_path_factory.mktemp("described")
    (folder / "fraises.yaml").write_text(f"{FRAISES}server: {{openapi: true}}\n")
    return create_app(Path(folder / "fraises.yaml"), ledger=Ledger(f"sqlite:///{folder}/x.db"), environ=ENVIRON)


@pytest.fixture(scope="module")
def described(application: Application) -> object:
    return schemathesis.openapi.from_asgi("/openapi.json", application)


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate()


def test_every_address_is_described(described: object, application: Application) -> None:
    paths = application.router.openapi()["paths"]
    assert set(paths) == {"/health", "/ready", "/providers", "/metrics", "/webhook", "/webhook/{hook}"}

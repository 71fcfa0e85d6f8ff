"""The server's application: ``intake`` for deliveries, and a few addresses that say how the server is."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from fraisier import __version__
from fraisier.config.live import Live
from fraisier.deliveries.desk import Desk
from fraisier.errors import LedgerError
from fraisier.git import PROVIDERS
from fraisier.record.ledger import Ledger
from fraisier.web.intake import PATH, Intake, Send
from fraisier.web.journal import say
from fraisier.web.metrics import Metrics
from fraisier.web.openapi import webhook_paths
from fraisier.web.reconcile import Reconciler
from fraisier.web.renewal import Renewal
from fraisier.web.writer import Writer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
LOOK_SECONDS = 1.0


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """``ready`` when deliveries can be recorded. ``configuration`` is ``outdated`` while a newer fraises.yaml is faulty: the last good one
    stays in force."""

    status: Literal["ready", "not ready"]
    database: Literal["ok", "unreachable"]
    configuration: Literal["ok", "outdated"]
    hooks: int


class ProviderInfo(BaseModel):
    """A git provider, and the addresses at which it may call: none for one without a secret."""

    name: str
    webhooks: list[str]


class Providers(BaseModel):
    """All providers that this server understands."""

    providers: list[ProviderInfo]


class Application:
    """ASGI: deliveries go straight to ``intake``, everything else to the router below it."""

    def __init__(self, live: Live[Desk], ledger: Ledger, *, reconciles: bool) -> None:
        self.live, self.ledger = live, ledger
        self.metrics = Metrics(ledger)
        self.writer = Writer(ledger, priority=self._priority, committed=self.metrics.committed)
        self.intake = Intake(live, self.writer, self.metrics)
        self.reconciler = Reconciler(live, ledger, missed=self.metrics.missed) if reconciles else None
        self.renewal = Renewal(live)
        self.router = _router(self)
        self._stopping = threading.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(PATH) and (len(path) == len(PATH) or path[len(PATH)] == "/"):
                return await self.intake(scope, receive, send)
        return await self.router(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """The threads that belong to the process, which look at fraises.yaml, at secrets that back ends keep and at the repositories; what
        waits is written at the end."""
        threads = [
            threading.Thread(target=self._watch, name="configuration", daemon=True),
            threading.Thread(target=self.renewal.run, args=(self._stopping,), name="secrets", daemon=True),
        ]
        if self.reconciler is not None:
            threads.append(
                threading.Thread(target=self.reconciler.run, args=(self._stopping,), name="reconcile", daemon=True)
            )
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            await asyncio.to_thread(self.writer.stop)
            for thread in threads:
                await asyncio.to_thread(thread.join, LOOK_SECONDS)
            self.ledger.close()

    def readiness(self) -> Readiness:
        try:
            self.ledger.query("SELECT 1 AS one FROM tb_webhook_event LIMIT 1")
            is_reachable = True
        except LedgerError as error:
            say(logging.ERROR, "the database cannot be used", reason=str(error))
            is_reachable = False
        return Readiness(
            status="ready" if is_reachable else "not ready",
            database="ok" if is_reachable else "unreachable",
            configuration="outdated" if self.live.fault else "ok",
            hooks=len(self.live.current.hooks.all()),
        )

    def _priority(self, target: Any) -> int:
        return self.live.current.priority(target)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            if self.live.look():
                if self.live.fault:
                    say(logging.ERROR, "the last good configuration stays in force", reason=self.live.fault)
                else:
                    say(logging.INFO, "a new configuration is in force", hooks=len(self.live.current.hooks.all()))


def create_app(
    config: str | Path | None = None,
    *,
    ledger: Ledger | None = None,
    environ: Mapping[str, str] | None = None,
    reconciles: bool = False,
) -> Application:
    """The application, ready for any ASGI server. ``reconciles``: look for missed pushes, too.

    Raises ConfigError when fraises.yaml cannot be used, or when no hook has a secret.
    """
    live = Live(config, _desk, environ=environ)
    return Application(live, ledger or Ledger(), reconciles=reconciles)


def _desk(config: Any) -> Desk:
    desk = Desk(config)
    desk.require_hooks()
    return desk


def _router(application: Application) -> FastAPI:
    is_described = application.live.current.settings.openapi
    router = FastAPI(
        title="Fraisier",
        version=__version__,
        lifespan=application.lifespan,
        openapi_url="/openapi.json" if is_described else None,
        docs_url="/docs" if is_described else None,
        redoc_url=None,
    )

    @router.get("/health")
    async def health() -> Health:
        """Whether the process answers; says nothing else."""
        return Health()

    @router.get("/ready", responses={503: {"model": Readiness, "description": "Deliveries cannot be recorded now."}})
    def ready(response: Response) -> Readiness:
        """Whether deliveries can be recorded."""
        found = application.readiness()
        response.status_code = 200 if found.status == "ready" else 503
        return found

    @router.get("/providers")
    async def providers() -> Providers:
        """Which providers may call, and where."""
        hooks = application.live.current.hooks.all()
        return Providers(
            providers=[
                ProviderInfo(name=name, webhooks=[hook.path for hook in hooks if hook.provider == name])
                for name in PROVIDERS
            ]
        )

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(application.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    def described() -> dict[str, Any]:
        if router.openapi_schema is None:
            schema = get_openapi(title=router.title, version=router.version, routes=router.routes)
            schema["paths"] |= webhook_paths()
            router.openapi_schema = schema
        return router.openapi_schema

    router.openapi = described  # type: ignore[method-assign]
    return router

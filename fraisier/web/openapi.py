"""The description of /webhook for /openapi.json: it is answered in front of the router, which therefore knows nothing of it."""

from __future__ import annotations

from typing import Any

_IDS = {"type": "array", "items": {"type": "string", "format": "uuid"}}
_TEXT = {"type": "string"}
_RECORDED = {
    "type": "object",
    "required": ["status", "event", "deployments", "request_id"],
    "properties": {
        "status": {"enum": ["accepted", "ignored"]},
        "event": {"type": "string", "format": "uuid"},
        "deployments": _IDS,
        "request_id": _TEXT,
        "reason": _TEXT,
    },
    "additionalProperties": False,
}
_DUPLICATE = {
    "type": "object",
    "required": ["status", "of", "request_id"],
    "properties": {"status": {"const": "duplicate"}, "of": {"type": "string", "format": "uuid"}, "request_id": _TEXT},
    "additionalProperties": False,
}
_PONG = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"const": "pong"}},
    "additionalProperties": False,
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": _TEXT}, "additionalProperties": False}
_ERRORS = {
    400: "Authentic, and not what the provider sends; or a broken request.",
    401: "Not signed with a secret of this hook.",
    404: "There is no such hook.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "Neither JSON nor a form, or encoded.",
    429: "Too many calls from there were not signed.",
    503: "Not recorded: send it again.",
}


def webhook_paths() -> dict[str, Any]:
    """The paths of ``intake``, as OpenAPI describes them."""
    hook = {"name": "hook", "in": "path", "required": True, "schema": _TEXT, "description": "Name below `hooks`."}
    provider = {
        "name": "provider",
        "in": "query",
        "required": False,
        "schema": _TEXT,
        "description": "Whose secret below `git` signs. Default: found out by the headers.",
    }
    return {
        "/webhook": {"post": _operation("Deliver a webhook of a provider", provider)},
        "/webhook/{hook}": {"post": _operation("Deliver a webhook of a named hook", hook)},
    }


def _operation(summary: str, parameter: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": summary.lower().replace(" ", "_"),
        "parameters": [parameter],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "application/x-www-form-urlencoded": {
                    "schema": {"type": "object", "properties": {"payload": _TEXT}, "required": ["payload"]}
                },
            },
        },
        "responses": {
            "200": _response(
                "Recorded, and nothing to deploy; or received before; or a ping.", _RECORDED, _DUPLICATE, _PONG
            ),
            "202": _response("Durably recorded.", _RECORDED),
            **{str(status): _response(about, _ERROR) for status, about in _ERRORS.items()},
        },
    }


def _response(about: str, *schemas: dict[str, Any]) -> dict[str, Any]:
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": list(schemas)}
    return {"description": about, "content": {"application/json": {"schema": schema}}}

"""``${aws:name#key}``: AWS Secrets Manager. Without a key the whole text; with one, that of the JSON document which the text is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fraisier.errors import SecretUnavailable
from fraisier.secrets.document import path_fault, pick, split

name = "aws"
AT_ONCE: Final = 20
_NAME: Final = re.compile(r"[A-Za-z0-9/_+=.@:!-]+")
_DENIED: Final = ("AccessDeniedException", "AccessDenied")


def fault_of(address: str) -> str:
    return path_fault(address) or ("" if _NAME.fullmatch(split(address)[0]) else "expected the name or ARN of a secret")


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    texts = _texts(_client(environ), list(dict.fromkeys(split(each)[0] for each in addresses)))
    return {each: _value(texts[split(each)[0]], split(each)[1]) for each in addresses}


def _value(text: str | SecretUnavailable, key: str) -> str | SecretUnavailable:
    if isinstance(text, SecretUnavailable) or not key:
        return text
    try:
        return pick(json.loads(text), key)
    except ValueError:
        return SecretUnavailable("is no JSON document with keys", hint="without '#key' it is taken as a whole")


def _client(environ: Mapping[str, str]) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise SecretUnavailable(
            "needs the package boto3", hint="install it where Fraisier is, or the extra aws: pip install boto3"
        ) from None
    endpoint = environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or environ.get("AWS_ENDPOINT_URL")
    try:
        session = boto3.session.Session(
            aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=environ.get("AWS_SESSION_TOKEN"),
            region_name=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
            profile_name=environ.get("AWS_PROFILE"),
        )
        limits = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
        return session.client("secretsmanager", endpoint_url=endpoint, config=limits)
    except BotoCoreError as error:
        raise SecretUnavailable(
            f"AWS cannot be asked ({type(error).__name__})", hint="set AWS_REGION and AWS_PROFILE, or the usual keys"
        ) from None


def _texts(client: Any, names: list[str]) -> dict[str, str | SecretUnavailable]:
    """The text of each secret: twenty at a time where the account may, else one by one."""
    if len(names) > 1:
        batches = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
        try:
            return {name: text for batch in batches for name, text in _batch(client, batch).items()}
        except PermissionError:  # GetSecretValue of single secrets is the older permission, and may be the only one
            pass
    return {name: _single(client, name) for name in names}


def _batch(client: Any, names: list[str]) -> dict[str, str | SecretUnavailable]:
    answer = _ask(client.batch_get_secret_value, SecretIdList=names)
    if isinstance(answer, SecretUnavailable):
        raise PermissionError
    texts = {key: _text(each) for each in answer["SecretValues"] for key in (each["Name"], each["ARN"])}
    wrong = {each["SecretId"]: _refusal(str(each.get("ErrorCode"))) for each in answer.get("Errors", ())}
    return {name: texts[name] if name in texts else wrong.get(name) or _single(client, name) for name in names}


def _single(client: Any, name: str) -> str | SecretUnavailable:
    answer = _ask(client.get_secret_value, SecretId=name)
    return answer if isinstance(answer, SecretUnavailable) else _text(answer)


def _text(answer: Mapping[str, Any]) -> str | SecretUnavailable:
    if "SecretString" in answer:
        return str(answer["SecretString"])
    try:
        return bytes(answer["SecretBinary"]).decode()
    except ValueError:
        return SecretUnavailable("its value is not UTF-8 text")


def _ask(question: Any, **arguments: Any) -> Any:
    """The answer; what AWS refuses is returned, that it is not there, or knows no credentials, is raised."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NotConnected

    try:
        return question(**arguments)
    except ClientError as error:
        return _refusal(str(error.response.get("Error", {}).get("Code")))
    except (NotConnected, HTTPClientError) as error:
        raise SecretUnavailable(f"AWS did not answer ({type(error).__name__})", retriable=True) from None
    except BotoCoreError as error:
        raise SecretUnavailable(
            f"AWS cannot be asked ({type(error).__name__})", hint="set AWS_PROFILE, or the usual keys"
        ) from None


def _refusal(code: str) -> SecretUnavailable:
    if code == "ResourceNotFoundException":
        return SecretUnavailable("there is no such secret", hint="look: aws secretsmanager list-secrets")
    if code in _DENIED:
        return SecretUnavailable("this account may not read it", hint="it needs secretsmanager:GetSecretValue")
    return SecretUnavailable(f"AWS refused ({code})")

"""Kinds of single values in fraises.yaml: what they accept, and what they say when they do not.

A value is checked here when it can be judged alone; what depends on another in ``fraisier.config.check``.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from fraisier.secrets import MASK, SecretRef, has_references, secret_from
from fraisier.secrets.registry import OURS

AS_IS: Final = "refused_as_is"
REFUSED: Final = "refused"

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_PERCENTAGE = re.compile(r"(?:[1-9][0-9]?|100)%")
_GIT_URL = re.compile(r"(?:https?|ssh|git|file)://\S+")
_SCP_LIKE = re.compile(r"(?:[\w.+-]+@)?[A-Za-z0-9][\w.-]*:(?!:)\S+")


class Section(BaseModel):
    """Base of every mapping with known keys: frozen, unknown keys refused, no values in pydantic's own messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def refuse(message: str, *, hint: str = "", kind: str = REFUSED) -> PydanticCustomError:
    """An error in plain words; the loader adds what was found, unless ``kind`` is AS_IS."""
    return PydanticCustomError(kind, "{message}", {"message": message, "hint": hint})


def one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise refuse("must be one line without control characters")
    if not text.strip():
        raise refuse("must not be empty")
    return text


def matching(pattern: str, message: str) -> AfterValidator:
    """A validator that refuses, with ``message``, text that ``pattern`` does not match as a whole."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise refuse(message)
        return text

    return AfterValidator(check)


def _no_truth_value(value: Any) -> Any:
    # pydantic takes true for 1
    if isinstance(value, bool):
        raise refuse("expected a number")
    return value


def _absolute_path(text: str) -> str:
    parts = one_line(text).split("/")
    if not text.startswith("/") or ".." in parts or not any(parts):
        raise refuse("must be an absolute path below / without '..'")
    return "/" + "/".join(part for part in parts if part not in ("", "."))


def relative_path(text: str) -> str:
    """A path inside something: not absolute, no '..', not the thing itself. A trailing slash is kept."""
    parts = one_line(text).split("/")
    if text.startswith(("/", "~", "-")) or ".." in parts or not any(part not in ("", ".") for part in parts):
        raise refuse("must be a relative path without '..'")
    return text.removeprefix("./")


def _branch(text: str) -> str:
    # rules of git-check-ref-format that keep a name from being read as an option or a revision expression
    forbidden = ("..", "@{", "//", "~", "^", ":", "?", "*", "[", "\\", " ")
    if text.startswith(("-", "/")) or text.endswith(("/", ".lock", ".")) or any(part in text for part in forbidden):
        raise refuse("expected a branch name")
    return text


def _repository(text: str) -> str:
    url = one_line(text)
    if url.startswith("-") or "::" in url.split("/", 1)[0]:
        # git would read an option, or start the transport helper that the text names
        raise refuse("expected a repository; options and transport helpers such as 'ext::' are refused", kind=AS_IS)
    if _password_in(url):
        hint = "use an ssh key that may read the repository"
        raise refuse("holds a password", hint=hint, kind=AS_IS)
    if not (url.startswith("/") or _GIT_URL.fullmatch(url) or _SCP_LIKE.fullmatch(url)):
        raise refuse("expected a repository: https://…, ssh://…, git@host:path or an absolute path")
    return url


def _password_in(url: str) -> bool:
    return re.match(r"(?:[a-z0-9+.-]+://)?[^/@]*:[^/]*@", url, re.IGNORECASE) is not None


def _http_url(text: str) -> str:
    url = one_line(text)
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_http = False
    if not is_http or re.search(r"\s", url):
        raise refuse("must be an http:// or https:// address")
    return url


def _secret(value: Any) -> SecretRef:
    reference = secret_from(value)
    if reference is None:
        raise refuse(
            "expected text; what was found is not shown, as this is a secret", hint=_in_quotes(value), kind=AS_IS
        )
    if isinstance(value, str) and not value:
        raise refuse("is empty, which is no secret", kind=AS_IS)
    return reference


def _in_quotes(value: Any) -> str:
    return "put it in quotes" if isinstance(value, (int, float)) else ""


def _text_or_secret(value: Any) -> str | SecretRef:
    reference = secret_from(value)
    if reference is None:
        raise refuse("expected text")
    return reference if has_references(reference.template) else str(value)


def _command(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, str) and value.strip():
        return str(value)
    words = value if isinstance(value, (list, tuple)) else ()
    if words and all(isinstance(word, str) for word in words):
        return tuple(str(word) for word in words)
    raise refuse("expected a command: text for the shell, or a list of texts")


def _variables(value: Any) -> Any:
    """Variables for Ansible as plain data; text with a reference stays a reference, as it may be a secret."""
    if isinstance(value, dict):
        return {str(key): _variables(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_variables(inner) for inner in value]
    return _text_or_secret(value) if isinstance(value, (str, SecretRef)) else value


def _batch(value: Any) -> int | str:
    if isinstance(value, str) and _PERCENTAGE.fullmatch(value):
        return str(value)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise refuse("expected a number of hosts from 1, or a percentage such as '25%'")


def masked(value: Any) -> Any:
    """``value`` with every reference in it replaced by the mask."""
    if isinstance(value, SecretRef):
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner) for key, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def one_or_many(*scalars: type) -> Callable[[Any], Any]:
    """A validator for lists that may also be written as their only element."""
    return lambda value: [value] if isinstance(value, scalars) else value


_MASKED = PlainSerializer(masked, when_used="json")

Line = Annotated[str, AfterValidator(one_line)]
NUMBER: Final = BeforeValidator(_no_truth_value)
Seconds = Annotated[int, Field(ge=1), NUMBER]
Port = Annotated[int, Field(ge=1, le=65535), NUMBER]
AbsolutePath = Annotated[str, AfterValidator(_absolute_path)]
# A file on the controller that ssh reads: what its option cannot quote, or would replace, is refused.
SshFile = Annotated[
    str, AfterValidator(one_line), matching(r'(?!.*\$\{)[^"\\%]*', "expected a path without quotes, '\\', '%' and '${'")
]
RelativePath = Annotated[str, AfterValidator(relative_path)]
Branch = Annotated[Line, AfterValidator(_branch)]
Repository = Annotated[str, AfterValidator(_repository)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
# No sign in front: the text becomes an argument of ssh.
HostName = Annotated[str, matching(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]*", "expected a host name or address")]
UserName = Annotated[str, matching(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*", "expected a user name")]
VariableName = Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]*", "expected the name of an environment variable")]
# As in fraisier.secrets: text in which every opening is that of a whole reference, or escaped.
_REFERENCES: Final = (
    r"^([^$]|\$\$\{|\$(?!\{)|\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}|\$\{[A-Za-z_][A-Za-z0-9_-]*:[^-}\n][^}\n]*\})*$"
)
Secret = Annotated[
    SecretRef,
    PlainValidator(_secret),
    _MASKED,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _REFERENCES,
            "examples": ["${NAME}", *(f"${{{backend}:}}" for backend in OURS)],
        }
    ),
]
_TextOrSecret = Annotated[
    str | SecretRef,
    PlainValidator(_text_or_secret),
    _MASKED,
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
EnvironmentVariables = dict[VariableName, _TextOrSecret]
Credentials = dict[
    Annotated[str, matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", "expected a name: letters, digits, '_', '-' and '.'")],
    _TextOrSecret,
]
Headers = dict[Annotated[str, matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "expected the name of a header")], _TextOrSecret]
TextMap = dict[Line, Annotated[Line, WithJsonSchema({"type": ["string", "number", "boolean"]})]]
Variables = Annotated[dict[str, Any], BeforeValidator(_variables), _MASKED]
Command = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_command),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Batch = Annotated[
    int | str,
    BeforeValidator(_batch),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]{1,3}%$"}]}),
]

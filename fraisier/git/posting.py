"""One POST of JSON to a provider: bounded in time and size, redirected within the same server only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from fraisier.errors import FraisierError, StatusRefused, TargetUnreachable

if TYPE_CHECKING:
    import requests

_REDIRECTS: Final = (301, 302, 307, 308)
_MOST_REDIRECTS: Final = 3
_MOST_TEXT: Final = 2000
_SHOWN: Final = 300


@dataclass(frozen=True)
class Answer:
    """What came back: the status of HTTP, and the beginning of the text."""

    url: str
    status: int
    text: str
    is_limited: bool = False

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def error(self, provider: str) -> FraisierError:
        """The answer as an error, which knows whether trying again helps."""
        words = " ".join(self.text.split())[:_SHOWN]
        message = f"{provider} answered {self.status} to POST {self.url}" + (f": {words}" if words else "")
        if self.status in (408, 425, 429) or self.status >= 500 or self.is_limited:
            return TargetUnreachable(message)
        return StatusRefused(message, hint=_HINTS.get(self.status))


_HINTS: Final = {
    401: "is the token right, and has it not expired?",
    403: "may the token write commit statuses?",
    404: "may the token see the repository, and has the server the commit?",
}


def post(url: str, headers: Mapping[str, str], body: Mapping[str, Any], timeout_seconds: float) -> Answer:
    """Posts ``body``. Redirects are followed within the same scheme, host and port.

    Raises TargetUnreachable when there is no answer within ``timeout_seconds``, StatusRefused for a redirect elsewhere.
    """
    for _ in range(1 + _MOST_REDIRECTS):
        answer, location = _post_once(url, headers, body, timeout_seconds)
        if answer.status not in _REDIRECTS or not location:
            return answer
        url = _redirected(url, location)
    raise StatusRefused(f"{url} redirects in circles")


def _redirected(url: str, location: str) -> str:
    try:
        there = urljoin(url, location)
        is_same_server = urlsplit(there)[:2] == urlsplit(url)[:2]
    except ValueError:
        is_same_server = False
    if not is_same_server:
        raise StatusRefused(
            f"{url} redirects to another server, {location[:_SHOWN]}",
            hint="the token was not sent there: set base_url to the address of the right one",
        )
    return there


def _post_once(
    url: str, headers: Mapping[str, str], body: Mapping[str, Any], timeout_seconds: float
) -> tuple[Answer, str]:
    import requests

    def authorised(request: requests.PreparedRequest) -> requests.PreparedRequest:
        # given as auth, as a .netrc would otherwise replace what the headers say
        request.headers.update(headers)
        return request

    try:
        with requests.post(
            url, json=body, auth=authorised, timeout=timeout_seconds, allow_redirects=False, stream=True
        ) as response:
            text = next(response.iter_content(_MOST_TEXT), b"")
            is_limited = "retry-after" in response.headers or response.headers.get("x-ratelimit-remaining") == "0"
            answer = Answer(url, response.status_code, text.decode("utf-8", "replace"), is_limited)
            return answer, response.headers.get("location", "")
    except requests.Timeout:
        raise TargetUnreachable(f"{url} did not answer within {timeout_seconds:g} s") from None
    except ValueError as error:
        raise StatusRefused(f"{url} cannot be asked: {error}") from None
    except (requests.RequestException, OSError) as error:
        reason = getattr(error.args[0], "reason", error) if error.args else error
        raise TargetUnreachable(f"{url} cannot be reached: {type(error).__name__}: {str(reason)[:_SHOWN]}") from error

"""GET for hosts without curl: prints the head, the body and the status like `curl --include --write-out`. Runs on the host."""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *_: object) -> None:
        return None


def main() -> int:
    wanted = json.loads(os.environ["FRAISIER_HTTP"])
    context = ssl.create_default_context()
    if not wanted["verify_tls"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), Stay())
    request = urllib.request.Request(wanted["url"], headers=wanted["headers"])  # noqa: S310  (http and https only: http_check.py)
    try:
        answer = urllib.request.build_opener(*handlers).open(request, timeout=wanted["timeout"])
    except urllib.error.HTTPError as error:
        answer = error
    except Exception as error:  # noqa: BLE001  (whatever it is, its text is the result)
        sys.stderr.write(f"{getattr(error, 'reason', error)}\n")
        return 7
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    sys.stdout.buffer.write(f"HTTP/1.1 {answer.code}\r\n{head}\r\n".encode("utf-8", "replace"))
    sys.stdout.buffer.write(answer.read(1 << 20) + f"\n{answer.code:03d}".encode())
    return 0


sys.exit(main())

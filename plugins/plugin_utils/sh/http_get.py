"""GET for hosts without curl: prints the head, the body and the status like `curl --include --write-out`. Runs on the host."""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def main():
    wanted = json.loads(os.environ["FRAISIER_HTTP"])
    context = ssl.create_default_context()
    if not wanted["verify_tls"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _Stay())
    request = urllib.request.Request(wanted["url"], headers=wanted["headers"])
    try:
        answer = urllib.request.build_opener(*handlers).open(request, timeout=wanted["timeout"])
    except urllib.error.HTTPError as error:
        answer = error
    except Exception as error:  # the reason is the result
        sys.stderr.write("%s\n" % getattr(error, "reason", error))
        return 7
    body = answer.read(1 << 20)
    head = "".join("%s: %s\r\n" % pair for pair in answer.headers.items())
    out = getattr(sys.stdout, "buffer", sys.stdout)
    out.write(("HTTP/1.1 %d\r\n%s\r\n" % (answer.code, head)).encode("utf-8", "replace") + body + ("\n%03d" % answer.code).encode())
    return 0


sys.exit(main())

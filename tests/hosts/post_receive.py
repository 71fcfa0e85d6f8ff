"""The hook of a repository that tells a server of each push, signed as a git service would; what it answers, whoever pushes reads.

A file `sender.json` in the repository says as whom: provider, repository, secret, pusher and url.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from fraisier.deliveries import sample

settings = json.loads(Path("sender.json").read_text())
sample.SENDER = settings["pusher"]
for line in sys.stdin:
    _, commit, ref = line.split()
    branch = ref.removeprefix("refs/heads/")
    push = sample.sample_push(settings["provider"], settings["repository"], branch, commit, settings["secret"])
    request = urllib.request.Request(settings["url"], push.body, dict(push.headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            print(f"answered {response.status}")
    except urllib.error.HTTPError as error:
        print(f"answered {error.code}: {error.read().decode()}")

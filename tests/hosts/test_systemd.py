"""Services under a booted systemd: the system's and a user's own, after a restart of the host, and when they do not start."""

from __future__ import annotations

import pytest

from tests.hosts.host import Host
from tests.hosts.world import APP_PATH, UNIT, World
from tests.integration.collection.application import WEB
from tests.integration.collection.conftest import TREE
from tests.integration.collection.estate import Estate, Repository, new_repository, release_id

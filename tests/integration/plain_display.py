"""A stdout callback under the name that ansible-runner asks for: Ansible's own `default`, so that tests read what people read."""

from __future__ import annotations

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
name: awx_display
type: stdout
short_description: The default output
extends_documentation_fragment: [default_callback, result_format_callback]
"""


class CallbackModule(Default):
    CALLBACK_NAME = "awx_display"

"""dpkg's status file (dpkg-query(1), deb-control(5)): what is installed on a machine."""

from __future__ import annotations

import re

#: The fields that say what is installed; a stanza's other lines are passed over.
_FIELD = re.compile(rb"^(Package|Status|Architecture|Version):[ \t]*(.*?)[ \t]*$", re.MULTILINE)


def parse_status(data: bytes) -> dict[tuple[str, str], str]:
    """The version of each installed package, by name and architecture.

    Installed is what dpkg calls so; packages that are only unpacked, half configured or removed
    but for their configuration are not.
    """
    found: dict[tuple[str, str], str] = {}
    for stanza in data.replace(b"\r\n", b"\n").split(b"\n\n"):
        # Package and Status come first; what is not installed has fewer fields.
        fields = dict[bytes, bytes](_FIELD.findall(stanza))
        if not fields.get(b"Status", b"").endswith(b" ok installed"):
            continue
        name, version = fields.get(b"Package"), fields.get(b"Version")
        if name and version:
            key = (_text(name), _text(fields.get(b"Architecture", b"")))
            found[key] = _text(version)
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")

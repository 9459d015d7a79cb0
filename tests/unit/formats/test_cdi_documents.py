"""CDI documents as nvidia-ctk and others write them."""

from __future__ import annotations

import json

import pytest

from lockenv.formats.cdi import parse_cdi

YAML = """\
---
cdiVersion: 0.5.0   # the oldest that says enough
containerEdits:
  deviceNodes:
  - path: /dev/nvidiactl
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  hooks:
  - args:
    - nvidia-cdi-hook
    - create-symlinks
    - --link
    - libcuda.so.1::/usr/lib/x86_64-linux-gnu/libcuda.so
    hookName: createContainer
    path: /usr/bin/nvidia-cdi-hook
  mounts:
    - containerPath: "/usr/lib/x86_64-linux-gnu/libcuda.so.535.54.03"
      hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.535.54.03
      options: ["ro", "nosuid"]
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      major: 195
  name: "0"
-
  containerEdits: {}
  name: 'all #1'
kind: nvidia.com/gpu
"""


def test_a_document_is_the_same_in_yaml_and_json() -> None:
    document = parse_cdi(YAML)

    assert parse_cdi(json.dumps(document)) == document
    assert document == {
        "cdiVersion": "0.5.0",
        "containerEdits": {
            "deviceNodes": [{"path": "/dev/nvidiactl"}],
            "env": ["NVIDIA_VISIBLE_DEVICES=void"],
            "hooks": [
                {
                    "args": [
                        "nvidia-cdi-hook",
                        "create-symlinks",
                        "--link",
                        "libcuda.so.1::/usr/lib/x86_64-linux-gnu/libcuda.so",
                    ],
                    "hookName": "createContainer",
                    "path": "/usr/bin/nvidia-cdi-hook",
                }
            ],
            "mounts": [
                {
                    "containerPath": "/usr/lib/x86_64-linux-gnu/libcuda.so.535.54.03",
                    "hostPath": "/usr/lib/x86_64-linux-gnu/libcuda.so.535.54.03",
                    "options": ["ro", "nosuid"],
                }
            ],
        },
        "devices": [
            {
                "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0", "major": 195}]},
                "name": "0",
            },
            {"containerEdits": {}, "name": "all #1"},
        ],
        "kind": "nvidia.com/gpu",
    }


_TOO_DEEP = "a:\n" + "".join(" " * n + "- \n" for n in range(1, 100))
_BROKEN = ["", "- a\n- b\n", "a: |\n  text\n", "a: &x 1\n", "a: 1\n  b: 2\n", "\ta: 1\n"]


@pytest.mark.parametrize("text", [*_BROKEN, "{", "[1]", "a: 'x\n", "word\n", _TOO_DEEP])
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_cdi(text)

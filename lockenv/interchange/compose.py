"""A service for Docker Compose (the Compose specification): one container by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.yaml import render_yaml
from lockenv.interchange.runnable import object_name, parse_object_name

if TYPE_CHECKING:
    from lockenv.formats.yaml import Node
    from lockenv.interchange.runnable import Runnable

_HEAD = "# Made by lockenv from lockenv.lock: edit the manifest, then run `lockenv lock`.\n"


def render_compose(run: Runnable) -> str:
    """A ``compose.yaml`` with one service.

    Secrets are named, never held: each is read from the variable of its name when Compose starts,
    and lies in ``/run/secrets/NAME``.
    """
    name = parse_object_name(run.text("name") or object_name(run.name))
    service: dict[str, Node] = {
        "image": run.image,
        "platform": f"linux/{run.platform.oci_architecture}",
        "init": True,
        "labels": {"dev.lockenv.environment": str(run.environment)},
    }
    command = run.texts("command")
    if command:
        service["command"] = list(command)
    if run.ports:
        # On the loopback alone: what is to be seen from outside, somebody has to say so.
        service["ports"] = [f"127.0.0.1:{port}:{port}" for port in run.ports]
    mounts = run.texts("mount")
    if mounts:
        service["volumes"] = list(mounts)
    if run.gpus:
        service["shm_size"] = run.text("shm-size", "8gb")
        service["deploy"] = {
            "resources": {
                "reservations": {
                    "devices": [{"driver": "nvidia", "count": run.gpus, "capabilities": ["gpu"]}]
                }
            }
        }
    document: dict[str, Node] = {"services": {name: service}}
    secrets = run.texts("secret")
    if secrets:
        service["secrets"] = list(secrets)
        document["secrets"] = {secret: {"environment": secret} for secret in secrets}
    return _HEAD + render_yaml(document)

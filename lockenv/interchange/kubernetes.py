"""Objects for Kubernetes: a Deployment, a Job or a Jupyter server of the locked image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.formats.yaml import render_yaml
from lockenv.interchange.kubernetes_jupyter import (
    JUPYTER_PORT,
    culler,
    culler_rights,
    idle_seconds,
    jupyter_command,
)
from lockenv.interchange.kubernetes_nodes import affinity, tolerations
from lockenv.interchange.runnable import object_name, parse_object_name, refuse_option
from lockenv.values import replace

if TYPE_CHECKING:
    from lockenv.formats.yaml import Node
    from lockenv.interchange.runnable import Runnable

KINDS = ("deployment", "job", "jupyter")
_HEAD = "# Made by lockenv from lockenv.lock: edit the manifest, then run `lockenv lock`.\n"
_NAME_LABEL = "app.kubernetes.io/name"


def render_kubernetes(run: Runnable) -> str:
    """The objects of one kind, as YAML documents.

    Secrets are named, never held. The pod runs without privileges; its GPU nodes are chosen by
    what the lock needs, so a node with an older driver never gets it.
    """
    kind = run.text("kind", "deployment")
    if kind not in KINDS:
        raise refuse_option("kind", kind, f"one of {', '.join(KINDS)}")
    name = parse_object_name(run.text("name") or object_name(run.name))
    if kind == "job":
        documents = [_job(run, name)]
    elif kind == "jupyter":
        run = replace(run, options={**run.options, "port": (str(JUPYTER_PORT),)})
        documents = _jupyter(run, name)
    else:
        documents = _deployment(run, name)
    return _HEAD + render_yaml(*documents)


def _metadata(run: Runnable, name: str) -> dict[str, Node]:
    found: dict[str, Node] = {"name": name}
    if run.text("namespace"):
        found["namespace"] = parse_object_name(run.text("namespace"))
    found["labels"] = {_NAME_LABEL: name, "app.kubernetes.io/managed-by": "lockenv"}
    found["annotations"] = {"dev.lockenv.environment": str(run.environment)}
    return found


def _deployment(run: Runnable, name: str) -> list[Node]:
    container = _container(run, name)
    if run.ports:
        container["readinessProbe"] = {"tcpSocket": {"port": run.ports[0]}}
    spec: dict[str, Node] = {
        "replicas": run.number("replicas", 1),
        "selector": {"matchLabels": {_NAME_LABEL: name}},
        "template": _template(run, name, [container]),
    }
    if run.gpus:
        # There is seldom a spare GPU for a second pod while the first still runs.
        spec["strategy"] = {"type": "Recreate"}
    documents: list[Node] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _metadata(run, name),
            "spec": spec,
        }
    ]
    return [*documents, _service(run, name)] if run.ports else documents


def _job(run: Runnable, name: str) -> Node:
    template = _template(run, name, [_container(run, name)], restart="Never")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(run, name),
        "spec": {
            "backoffLimit": 3,
            # A node that is taken away is no failure of the program: it does not count.
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                ]
            },
            "template": template,
        },
    }


def _jupyter(run: Runnable, name: str) -> list[Node]:
    seconds = idle_seconds(run.text("idle-timeout", "1h"))
    container = _container(run, name)
    container["command"] = list(run.texts("command")) or jupyter_command(run, seconds)
    token: Node = {
        "name": "JUPYTER_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": f"{name}-token", "key": "token"}},
    }
    container["env"] = [token]
    container["readinessProbe"] = {"tcpSocket": {"port": JUPYTER_PORT}}
    home = {"name": "work", "mountPath": run.text("storage-path", "/work")}
    mounts = container.get("volumeMounts")
    container["volumeMounts"] = [*(mounts if isinstance(mounts, list) else []), home]
    container["workingDir"] = run.text("storage-path", "/work")
    containers: list[dict[str, Node]] = [container]
    rights: list[Node] = []
    if seconds:
        containers.append(culler(run, name, seconds, token, _confined()))
        rights = culler_rights(_metadata(run, name), name)
    template = _template(run, name, containers, account=name if seconds else "")
    claim: Node = {
        "metadata": {"name": "work"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": run.text("storage", "10Gi")}},
        },
    }
    spec: dict[str, Node] = {
        "serviceName": name,
        "replicas": 1,
        "selector": {"matchLabels": {_NAME_LABEL: name}},
        "template": template,
        "volumeClaimTemplates": [claim],
    }
    return [
        *rights,
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": _metadata(run, name),
            "spec": spec,
        },
        _service(run, name),
    ]


def _service(run: Runnable, name: str) -> Node:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(run, name),
        "spec": {
            "selector": {_NAME_LABEL: name},
            "ports": [
                {"name": f"port-{port}", "port": port, "targetPort": port} for port in run.ports
            ],
        },
    }


def _template(
    run: Runnable,
    name: str,
    containers: list[dict[str, Node]],
    *,
    restart: str = "",
    account: str = "",
) -> dict[str, Node]:
    spec: dict[str, Node] = {}
    if restart:
        spec["restartPolicy"] = restart
    if account:
        spec["serviceAccountName"] = account
    else:
        spec["automountServiceAccountToken"] = False
    spec["securityContext"] = _identity(run)
    spec["affinity"] = affinity(run)
    tolerated = tolerations(run)
    if tolerated:
        spec["tolerations"] = tolerated
    if run.texts("pull-secret"):
        spec["imagePullSecrets"] = [{"name": secret} for secret in run.texts("pull-secret")]
    spec["containers"] = containers
    if run.gpus:
        # Worker processes of data loaders hand tensors over in shared memory; the default is 64 MB.
        spec["volumes"] = [
            {
                "name": "shm",
                "emptyDir": {"medium": "Memory", "sizeLimit": run.text("shm-size", "8Gi")},
            }
        ]
    labels: dict[str, Node] = {_NAME_LABEL: name}
    return {
        "metadata": {
            "labels": labels,
            "annotations": {"dev.lockenv.environment": str(run.environment)},
        },
        "spec": spec,
    }


def _identity(run: Runnable) -> dict[str, Node]:
    found: dict[str, Node] = {"seccompProfile": {"type": "RuntimeDefault"}}
    uid = run.uid
    if uid == 0:
        return found
    found = {"runAsNonRoot": True, **found}
    if uid is not None:
        found = {"runAsUser": uid, "runAsGroup": uid, "fsGroup": uid, **found}
    return found


def _confined() -> dict[str, Node]:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _container(run: Runnable, name: str) -> dict[str, Node]:
    found: dict[str, Node] = {"name": name, "image": run.image}
    if run.texts("command"):
        found["command"] = list(run.texts("command"))
    if run.texts("secret"):
        found["envFrom"] = [
            {"secretRef": {"name": parse_object_name(secret)}} for secret in run.texts("secret")
        ]
    if run.ports:
        found["ports"] = [{"containerPort": port} for port in run.ports]
    requests, limits = _resources(run)
    if requests or limits:
        found["resources"] = {
            **({"requests": requests} if requests else {}),
            **({"limits": limits} if limits else {}),
        }
    found["securityContext"] = _confined()
    if run.gpus:
        found["volumeMounts"] = [{"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108 - a mount point, not a file
    return found


def _resources(run: Runnable) -> tuple[dict[str, Node], dict[str, Node]]:
    """A processor's share is asked for and not capped; memory is both; a GPU is a limit."""
    requests: dict[str, Node] = {}
    limits: dict[str, Node] = {}
    if run.text("cpu"):
        requests["cpu"] = run.text("cpu")
    if run.text("memory"):
        requests["memory"] = limits["memory"] = run.text("memory")
    if run.gpus < 0:
        raise InputError("usage", "--gpus is negative", fix="name a number of GPUs, or 0 for none")
    if run.gpus:
        limits["nvidia.com/gpu"] = run.gpus
    return requests, limits

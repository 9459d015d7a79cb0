"""A Jupyter server in Kubernetes that gives its GPU back when nobody works with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.interchange.runnable import refuse_option

if TYPE_CHECKING:
    from lockenv.formats.yaml import Node
    from lockenv.interchange.runnable import Runnable

JUPYTER_PORT = 8888
#: Which package brings which server, the best first.
_SERVERS = {"jupyterlab": "lab", "notebook": "notebook", "jupyter-server": "server"}
_DURATION = re.compile(r"(\d{1,6})([smhd])\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: Runs beside the server, in the same image. A kernel that computes is not idle, however long.
_CULLER = """\
import datetime, json, os, ssl, time, urllib.request

SECONDS = int(os.environ["IDLE_SECONDS"])
SERVER = "http://127.0.0.1:" + os.environ["SERVER_PORT"]
PLACE = "/var/run/secrets/kubernetes.io/serviceaccount/"
SCALE = "https://kubernetes.default.svc/apis/apps/v1/namespaces/%s/statefulsets/%s/scale"

def ask(path):
    token = {"Authorization": "token " + os.environ["JUPYTER_TOKEN"]}
    request = urllib.request.Request(SERVER + path, headers=token)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)

def is_idle():
    if any(kernel["execution_state"] == "busy" for kernel in ask("/api/kernels")):
        return False
    text = ask("/api/status")["last_activity"].replace("Z", "+00:00")
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now - datetime.datetime.fromisoformat(text)).total_seconds() > SECONDS

def scale_to_zero():
    namespace = open(PLACE + "namespace").read()
    headers = {
        "Authorization": "Bearer " + open(PLACE + "token").read(),
        "Content-Type": "application/merge-patch+json",
    }
    request = urllib.request.Request(
        SCALE % (namespace, os.environ["STATEFUL_SET"]),
        data=b'{"spec": {"replicas": 0}}', headers=headers, method="PATCH",
    )
    context = ssl.create_default_context(cafile=PLACE + "ca.crt")
    urllib.request.urlopen(request, timeout=30, context=context).close()

while True:
    time.sleep(60)
    try:
        if is_idle():
            scale_to_zero()
    except (OSError, ValueError, KeyError) as error:
        print(error, flush=True)
"""


def idle_seconds(text: str) -> int:
    """How long ``90m``, ``1h`` or ``2d`` is; 0 for ``off``. InputError for anything else."""
    if text in {"off", "0"}:
        return 0
    found = _DURATION.match(text)
    if found is None or int(found[1]) == 0:
        raise refuse_option("idle-timeout", text, 'a time like "30m" or "2h", or "off"')
    return int(found[1]) * _UNITS[found[2]]


def jupyter_command(run: Runnable, seconds: int) -> list[Node]:
    """How the server is started; InputError where the image has none."""
    server = next((word for name, word in _SERVERS.items() if name in run.packages), None)
    if server is None:
        raise InputError(
            "no-jupyter",
            "the image has no Jupyter server",
            why=f"none of {', '.join(_SERVERS)} is among its packages",
            fix="lockenv add jupyterlab, then build the image again",
        )
    found: list[Node] = [
        "jupyter",
        server,
        "--no-browser",
        "--ip=0.0.0.0",
        f"--port={JUPYTER_PORT}",
    ]
    if seconds:
        # Idle kernels free their memory first; the server itself follows by the container beside.
        found += [
            f"--MappingKernelManager.cull_idle_timeout={seconds}",
            "--MappingKernelManager.cull_interval=60",
            "--MappingKernelManager.cull_connected=True",
        ]
    return found


def culler(
    run: Runnable, name: str, seconds: int, token: Node, confined: dict[str, Node]
) -> dict[str, Node]:
    """The container that scales the server to none once it is idle."""
    return {
        "name": "idle-culler",
        "image": run.image,
        "command": ["python", "-c", _CULLER],
        "env": [
            token,
            {"name": "IDLE_SECONDS", "value": str(seconds)},
            {"name": "SERVER_PORT", "value": str(JUPYTER_PORT)},
            {"name": "STATEFUL_SET", "value": name},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": confined,
    }


def culler_rights(metadata: dict[str, Node], name: str) -> list[Node]:
    """An account that may scale this one StatefulSet, and nothing else."""
    api = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": f"{api}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [
                {
                    "apiGroups": ["apps"],
                    "resources": ["statefulsets/scale"],
                    "resourceNames": [name],
                    "verbs": ["get", "patch"],
                }
            ],
        },
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        },
    ]

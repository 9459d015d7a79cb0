"""Which nodes of a cluster serve a lock: from ``kubectl get nodes -o json`` and NVIDIA's labels.

The labels are those of GPU feature discovery; of the deprecated spellings those that old clusters
still have are understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.fields import Fields, parse_json
from lockenv.host.gpu import Gpu, GpuHost, compare
from lockenv.tables.cuda import drivers
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import CudaFacts, Finding

_PREFIX = "nvidia.com/"
_DRIVER = ("cuda.driver-version.full",)
_DRIVER_PARTS = (
    ("cuda.driver-version.major", "cuda.driver-version.minor", "cuda.driver-version.revision"),
    ("cuda.driver.major", "cuda.driver.minor", "cuda.driver.rev"),
)
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node: its machine and system, and what its labels say of driver and GPUs."""

    name: str
    machine: str
    system: str
    host: GpuHost
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFit:
    """Whether a node serves a lock; ``reason`` is empty where it does."""

    node: Node
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether nothing stands against it."""
        return not self.reason


def parse_nodes(text: str) -> tuple[Node, ...]:
    """The nodes of a document, sorted by name. Raises InputError if it is no list of nodes."""
    try:
        document = parse_json(text)
    except ValueError as error:
        raise _no_nodes(str(error)) from error
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise _no_nodes("it has no items")
    nodes = [_node(item) for item in Fields(document).tables("items")]
    return tuple(sorted(nodes, key=lambda node: node.name))


def _no_nodes(why: str) -> InputError:
    return InputError(
        "invalid-nodes",
        "the file is no list of Kubernetes nodes",
        why=why,
        fix="kubectl get nodes -o json > nodes.json",
    )


def _node(item: Fields) -> Node:
    metadata = item.below("metadata") or item
    labels = metadata.text_table("labels")
    architecture = labels.get("kubernetes.io/arch", "")
    gpus: tuple[Gpu, ...] = ()
    product, capability = _label(labels, "gpu.product"), _capability(labels)
    count = _label(labels, "gpu.count")
    number = int(count) if count.isdecimal() and len(count) < 4 else int(bool(product))
    if product or capability:
        gpus = (Gpu(name=product or "GPU", capability=capability),)
    return Node(
        name=metadata.text("name") or "?",
        machine=_ARCHITECTURES.get(architecture, architecture),
        system=labels.get("kubernetes.io/os", ""),
        host=GpuHost(driver=_driver(labels), gpus=gpus, sources={"driver": "node labels"}),
        count=number,
    )


def _label(labels: Mapping[str, str], name: str) -> str:
    return labels.get(_PREFIX + name, "")


def _driver(labels: Mapping[str, str]) -> str | None:
    for name in _DRIVER:
        if _label(labels, name)[:1].isdigit():
            return _label(labels, name)
    for names in _DRIVER_PARTS:
        parts = [_label(labels, name) for name in names]
        if parts[0].isdecimal():
            return ".".join(part for part in parts if part.isdecimal())
    return None


def _capability(labels: Mapping[str, str]) -> str | None:
    major, minor = _label(labels, "gpu.compute.major"), _label(labels, "gpu.compute.minor")
    # Nobody counts so far; int() of a very long text takes long, or refuses.
    if major.isdecimal() and minor.isdecimal() and len(major + minor) < 10:
        return f"{int(major)}.{int(minor)}"
    product = _label(labels, "gpu.product")
    return drivers().capability_of(product) if product else None


def fit(nodes: tuple[Node, ...], facts: CudaFacts, machine: str) -> tuple[NodeFit, ...]:
    """Of each node, whether what a lock needs runs there, and else the first thing in the way."""
    return tuple(_fit(node, facts, machine) for node in nodes)


def _fit(node: Node, facts: CudaFacts, machine: str) -> NodeFit:
    if node.machine and node.machine != machine:
        return NodeFit(node=node, reason=f"its machine is {node.machine}, the lock's is {machine}")
    if node.system not in {"", "linux"}:
        return NodeFit(node=node, reason=f"its system is {node.system}, the lock's is linux")
    if "driver" not in facts.needs:
        return NodeFit(node=node)
    if not node.host.gpus:
        return NodeFit(node=node, reason="it has no GPU, or no labels of GPU feature discovery")
    if node.host.driver is None:
        return NodeFit(node=node, reason="its labels do not say which driver it has")
    findings = compare(node.host, facts)
    return NodeFit(node=node, reason=findings[0].message if findings else "", findings=findings)

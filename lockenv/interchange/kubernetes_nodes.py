"""Which nodes may run what a lock needs, in the labels of NVIDIA's GPU feature discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lockenv.tables.cuda import Driver, capability_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.formats.yaml import Node
    from lockenv.interchange.runnable import Runnable
    from lockenv.model import CudaFacts

#: A conjunction of conditions on labels.
Expressions: TypeAlias = tuple["dict[str, Node]", ...]

_DRIVER = tuple(f"nvidia.com/cuda.driver-version.{part}" for part in ("major", "minor", "revision"))
_CAPABILITY = ("nvidia.com/gpu.compute.major", "nvidia.com/gpu.compute.minor")

#: The taints that keep ordinary work off interruptible nodes: of GKE, AKS and EKS.
_SPOT = (
    ("cloud.google.com/gke-spot", "true"),
    ("kubernetes.azure.com/scalesetpriority", "spot"),
    ("eks.amazonaws.com/capacityType", "SPOT"),
)


def affinity(run: Runnable) -> dict[str, Node]:
    """The node affinity: the machine, and with GPUs a new enough driver and a GPU that is served.

    Whether a driver is new enough takes several alternatives, since labels compare number by
    number.
    """
    machine = _is("kubernetes.io/arch", run.platform.oci_architecture)
    facts = run.cuda if run.gpus and run.cuda is not None else None
    terms: list[Node] = [
        {"matchExpressions": [machine, *driver, *capability]}
        for driver in (_driver_terms(facts) if facts else [()])
        for capability in (_capability_terms(facts) if facts else [()])
    ]
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }
    }


def tolerations(run: Runnable) -> list[Node]:
    """Of the taint that GPU nodes carry, and with ``spot`` of those of interruptible nodes."""
    found: list[Node] = []
    if run.gpus:
        found.append({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"})
    if run.flag("spot"):
        found += [
            {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}
            for key, value in _SPOT
        ]
    return found


def _is(label: str, *values: str) -> dict[str, Node]:
    return {"key": label, "operator": "In", "values": list(values)}


def _above(label: str, number: int) -> dict[str, Node]:
    return {"key": label, "operator": "Gt", "values": [str(number)]}


def _driver_terms(facts: CudaFacts) -> list[Expressions]:
    """``>= 525.60.13`` as: above 525; or 525 and above 60; or 525, 60 and above 12."""
    floor = facts.needs.get("driver")
    if not isinstance(floor, str):
        return [()]
    numbers = list(Driver(floor).numbers)
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    found: list[Expressions] = []
    for depth, number in enumerate(numbers):
        # Only the last number may be met exactly; to meet an earlier one leads to the next.
        least = number - 1 if depth == len(numbers) - 1 else number
        alike = [_is(_DRIVER[n], str(before)) for n, before in enumerate(numbers[:depth])]
        found.append((*alike, _above(_DRIVER[depth], least)))
    return found


def _capability_terms(facts: CudaFacts) -> list[Expressions]:
    """The capabilities that have code in the lock: within a major from a minor on."""
    codes = [*_texts(facts, "archs"), *_texts(facts, "jit")]
    ptx = sorted(_texts(facts, "ptx"), key=capability_key)
    if not codes and not ptx:
        return [()]
    found: list[Expressions] = []
    for major in sorted({capability_key(code)[0] for code in codes}):
        least = min(capability_key(code)[1] for code in codes if capability_key(code)[0] == major)
        found.append(_from(major, least))
    if ptx:
        # PTX is compiled for its own capability and for every later one.
        major, minor = capability_key(ptx[0])
        found.append(_from(major, minor))
        found.append((_above(_CAPABILITY[0], major),))
    return _without_covered(found)


def _from(major: int, minor: int) -> Expressions:
    exact = _is(_CAPABILITY[0], str(major))
    return (exact,) if minor == 0 else (exact, _above(_CAPABILITY[1], minor - 1))


def _without_covered(terms: Iterable[Expressions]) -> list[Expressions]:
    found: list[Expressions] = []
    for term in terms:
        if term not in found:
            found.append(term)
    return found


def _texts(facts: CudaFacts, key: str) -> tuple[str, ...]:
    value = facts.needs.get(key, ())
    return (value,) if isinstance(value, str) else tuple(value)

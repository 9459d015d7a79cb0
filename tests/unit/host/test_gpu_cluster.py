from __future__ import annotations

import json

import pytest

from lockenv.errors import InputError
from lockenv.host.cluster import fit, parse_nodes
from lockenv.model import CudaFacts

FACTS = CudaFacts(needs={"driver": "525.60.13", "archs": ("7.0", "8.0", "9.0")})


def nodes(**labels: dict[str, str]) -> str:
    items = [
        {
            "metadata": {
                "name": name,
                "labels": {"kubernetes.io/arch": "amd64"}
                | {f"nvidia.com/{key}": value for key, value in own.items()},
            }
        }
        for name, own in labels.items()
    ]
    return json.dumps({"kind": "List", "items": items})


def a100(driver: str = "535.183.01") -> dict[str, str]:
    return {
        "cuda.driver-version.full": driver,
        "gpu.compute.major": "8",
        "gpu.compute.minor": "0",
        "gpu.product": "NVIDIA-A100-SXM4-40GB",
        "gpu.count": "8",
    }


def test_nodes_that_serve_the_lock_fit() -> None:
    (one,) = fit(parse_nodes(nodes(a=a100())), FACTS, "x86_64")

    assert one.fits
    assert one.node.count == 8


def test_each_reason_against_a_node_is_said() -> None:
    old = {"cuda.driver.major": "470", "cuda.driver.minor": "82", "gpu.product": "Tesla-V100"}
    new = a100() | {"gpu.compute.major": "12"}
    found = fit(parse_nodes(nodes(c=new, b=old, a={}, d=a100())), FACTS, "x86_64")

    reasons = {row.node.name: row.reason for row in found}

    assert list(reasons) == ["a", "b", "c", "d"]
    assert "no GPU" in reasons["a"]
    assert "470.82" in reasons["b"]
    assert "12.0" in reasons["c"]
    assert reasons["d"] == ""


def test_another_machine_does_not_fit() -> None:
    (one,) = fit(parse_nodes(nodes(a=a100())), FACTS, "aarch64")

    assert "x86_64" in one.reason


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"items": 3}'])
def test_what_is_no_list_of_nodes_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_nodes(text)

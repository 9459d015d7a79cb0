"""Exports of an image: Kubernetes, Compose, development containers, Dockerfiles."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockenv.errors import InputError
from lockenv.interchange import (
    Option,
    Runnable,
    render_compose,
    render_devcontainer,
    render_dockerfile,
    render_kubernetes,
)
from lockenv.lockfile import environment_digest, select
from lockenv.model import PLATFORMS, CudaFacts, Image, Lock, LockedBaseImage, Origin
from tests.support.locks import digest_of, small_lock

IMAGE = f"registry.example.com/team/app@{digest_of('image')}"
NEEDS: dict[str, str | tuple[str, ...]] = {"driver": "525.60.13", "archs": ("8.0", "8.6", "9.0")}


def running(
    *, needs: dict[str, str | tuple[str, ...]] | None = None, **options: Option
) -> Runnable:
    lock = small_lock()
    return Runnable(
        name="My Demo_app",
        image=IMAGE,
        declared=Image(origin=Origin("pyproject.toml"), ports=("8080/tcp",)),
        platform=PLATFORMS["linux-x86_64"],
        environment=environment_digest(lock, select(lock, "gpu")),
        cuda=CudaFacts(needs=NEEDS if needs is None else needs),
        packages=frozenset({"jupyterlab"}),
        options={name.replace("_", "-"): value for name, value in options.items()},
    )


def objects(text: str) -> dict[str, Any]:
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def nodes_that_fit(run: Runnable, nodes: list[dict[str, str]]) -> list[int]:
    """The places of the nodes that Kubernetes would take, by its rules for affinity."""
    pod = objects(render_kubernetes(run))["Deployment"]["spec"]["template"]["spec"]
    affinity = pod["affinity"]["nodeAffinity"]
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    def holds(expression: dict[str, object], labels: dict[str, str]) -> bool:
        value = labels.get(str(expression["key"]))
        values = expression["values"]
        assert isinstance(values, list)
        if expression["operator"] == "In":
            return value in values
        return value is not None and int(value) > int(values[0])

    return [
        place
        for place, labels in enumerate(nodes)
        if any(all(holds(one, labels) for one in term["matchExpressions"]) for term in terms)
    ]


def node(driver: str, capability: str, arch: str = "amd64") -> dict[str, str]:
    major, minor, revision = driver.split(".")
    return {
        "kubernetes.io/arch": arch,
        "nvidia.com/cuda.driver-version.major": major,
        "nvidia.com/cuda.driver-version.minor": minor,
        "nvidia.com/cuda.driver-version.revision": revision,
        "nvidia.com/gpu.compute.major": capability.partition(".")[0],
        "nvidia.com/gpu.compute.minor": capability.partition(".")[2],
    }


def test_only_nodes_with_the_driver_and_a_served_gpu_are_chosen() -> None:
    nodes = [
        node("525.60.12", "8.0"),
        node("525.60.13", "8.0"),
        node("525.59.99", "8.0"),
        node("525.105.17", "8.9"),
        node("580.65.06", "9.0"),
        node("580.65.06", "7.5"),
        node("580.65.06", "12.0"),
        node("580.65.06", "9.0", arch="arm64"),
    ]

    assert nodes_that_fit(running(), nodes) == [1, 3, 4]


def test_portable_code_serves_newer_gpus_and_a_minor_is_a_floor() -> None:
    nodes = [node("580.1.0", one) for one in ("7.0", "7.5", "8.5", "8.6", "8.9", "9.0", "12.0")]
    run = running(needs={"driver": "580", "archs": ("7.5", "8.6"), "ptx": ("9.0",)})

    assert nodes_that_fit(run, nodes) == [1, 3, 4, 5, 6]


def test_without_gpus_only_the_machine_matters() -> None:
    assert nodes_that_fit(running(gpus=0), [{"kubernetes.io/arch": "amd64"}]) == [0]


def test_the_published_schemas_accept_every_kind(tmp_path: Path) -> None:
    kinds = ("deployment", "job", "jupyter")
    for kind in kinds:
        text = render_kubernetes(
            running(
                kind=kind,
                spot=True,
                secret=("hub-token",),
                pull_secret=("registry",),
                memory="16Gi",
                cpu="4",
                namespace="ml",
                command=("python", "-m", "train"),
            )
        )
        (tmp_path / f"{kind}.yaml").write_text(text, encoding="utf-8")

    # In a process of its own: what the validator warns of is its affair.
    process = subprocess.run(
        [
            Path(sys.executable).with_name("kubernetes-validate"),
            "--strict",
            *(f"{kind}.yaml" for kind in kinds),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 0, process.stdout + process.stderr


def test_a_pod_has_the_image_by_digest_and_secrets_by_name() -> None:
    text = render_kubernetes(running(kind="job", secret=("hub-token",), gpus=2, spot=True))
    pod = objects(text)["Job"]["spec"]["template"]["spec"]

    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 2}
    assert container["envFrom"] == [{"secretRef": {"name": "hub-token"}}]
    assert {one["key"] for one in pod["tolerations"]} >= {
        "nvidia.com/gpu",
        "cloud.google.com/gke-spot",
    }
    assert pod["securityContext"]["runAsUser"] == 1000


def test_an_idle_jupyter_server_gives_its_gpu_back() -> None:
    found = objects(render_kubernetes(running(kind="jupyter", idle_timeout="30m")))
    pod = found["StatefulSet"]["spec"]["template"]["spec"]

    server, culler = pod["containers"]
    assert "--MappingKernelManager.cull_idle_timeout=1800" in server["command"]
    compile(culler["command"][2], "culler", "exec")
    (rule,) = found["Role"]["rules"]
    assert rule["resourceNames"] == [pod["serviceAccountName"]]
    kept = objects(render_kubernetes(running(kind="jupyter", idle_timeout="off")))
    assert "Role" not in kept


def test_wrong_options_are_refused() -> None:
    wrong = (
        running(kind="jupyter", idle_timeout="soon"),
        running(kind="pod"),
        running(name="No Name"),
        running(port=("x",)),
    )
    for run in wrong:
        with pytest.raises(InputError, match="--"):
            render_kubernetes(run)
    with pytest.raises(InputError, match="no Jupyter"):
        render_kubernetes(replace(running(kind="jupyter"), packages=frozenset()))


def test_a_service_reserves_gpus_and_names_its_secrets() -> None:
    document = yaml.safe_load(
        render_compose(running(secret=("HUB_TOKEN",), mount=("./data:/data",)))
    )

    service = document["services"]["my-demo-app"]
    assert service["image"] == IMAGE
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert service["volumes"] == ["./data:/data"]
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert document["secrets"] == {"HUB_TOKEN": {"environment": "HUB_TOKEN"}}


def test_a_development_container_is_the_image_with_its_gpu() -> None:
    document = json.loads(render_devcontainer(running(extension=("ms-toolsai.jupyter",))))

    assert document["image"] == IMAGE
    assert document["hostRequirements"] == {"gpu": True}
    assert document["forwardPorts"] == [8080]
    assert "ms-toolsai.jupyter" in document["customizations"]["vscode"]["extensions"]


def on_base(lock: Lock) -> Lock:
    base = LockedBaseImage(
        reference="debian:bookworm-slim",
        platform="linux-x86_64",
        digest=digest_of("base"),
        size=1,
        targets=("gpu",),
    )
    return replace(lock, base_images=(base,))


def test_a_dockerfile_checks_every_file_by_its_hash() -> None:
    lock = on_base(small_lock())
    selection = select(lock, "gpu")
    run = running()
    image = replace(run.declared, base="debian:bookworm-slim", env={"A": 'a"$b\\'})

    text = render_dockerfile(lock, selection, replace(run, declared=image))

    assert f"FROM --platform=linux/amd64 debian:bookworm-slim@{digest_of('base')} AS system" in text
    for package in selection.system_packages:
        assert package.digest.hex in text
    for member in selection.packages:
        assert member.artifact is not None
        assert f"--hash={member.artifact.digest}" in text
    assert selection.interpreter is not None
    assert selection.interpreter.artifact is not None
    assert selection.interpreter.artifact.digest.hex in text
    assert 'ENV A="a\\"\\$b\\\\"' in text


def test_a_dockerfile_needs_a_base_by_digest() -> None:
    lock = small_lock()
    selection = select(lock, "gpu")

    with pytest.raises(InputError, match="starts from an image"):
        render_dockerfile(lock, selection, running())
    with pytest.raises(InputError, match="no digest"):
        render_dockerfile(lock, selection, running(base="debian:bookworm-slim"))
    text = render_dockerfile(lock, selection, running(base=f"debian@{digest_of('base')}"))
    assert f"debian@{digest_of('base')}" in text

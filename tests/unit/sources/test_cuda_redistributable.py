from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError, NoSolutionError
from lockenv.fetch import open_fetcher
from lockenv.model import PLATFORMS, CudaComponent
from lockenv.sources.cuda import lock_redistributables, read_fleet
from tests.support.cuda_worlds import declared
from tests.support.index_server import IndexServer, serve_index

if TYPE_CHECKING:
    from pathlib import Path

LINUX = PLATFORMS["linux-x86_64"]


def archive(key: str, version: str, variant: str = "") -> dict[str, str]:
    name = f"{key}-linux-x86_64-{version}{variant}-archive.tar.xz"
    digest = hashlib.sha256(name.encode()).hexdigest()
    path = f"{key}/linux-x86_64/{name}"
    return {"relative_path": path, "sha256": digest, "md5": "0" * 32, "size": "77"}


def publish(server: IndexServer, product: str, release: str, date: str, *keys: str) -> bytes:
    """One manifest with the exact layout of NVIDIA's, at its exact place."""
    document: dict[str, object] = {
        "release_date": date,
        "release_label": release,
        "release_product": product,
    }
    for key in keys:
        platform: dict[str, object] = dict(archive(key, f"{release}.1"))
        if product == "cudnn":
            platform = {f"cuda{n}": archive(key, f"{release}.1", f"_cuda{n}") for n in (12, 13)}
        document[key] = {
            "name": key,
            "license": "CUDA Toolkit",
            "license_path": f"{key}/LICENSE.txt",
            "version": f"{release}.1",
            "linux-x86_64": platform,
        }
    body = json.dumps(document).encode()
    path = f"/compute/{product}/redist/redistrib_{release}.json"
    server.pages[path] = ("application/json", body)
    return body


def lock(
    server: IndexServer, cache: Path, major: int, as_of: str | None = None, **keys: object
) -> tuple[CudaComponent, ...]:
    fleet = read_fleet(declared(source="redistributable", **keys), LINUX)
    with open_fetcher(cache) as fetcher:
        return lock_redistributables(
            fleet, major, LINUX, fetcher, as_of=as_of, base=f"{server.root}/compute/"
        )


def test_the_newest_release_in_the_range_is_locked_with_all_that_nvcc_needs(tmp_path: Path) -> None:
    with serve_index() as server:
        keys = ("cuda_nvcc", "cuda_cudart", "cuda_cccl", "libcublas")
        publish(server, "cuda", "12.9.1", "2025-06-05", *keys)
        body = publish(server, "cuda", "12.8.1", "2025-03-05", *keys)

        found = lock(server, tmp_path, 12, components=("nvcc", "cublas-dev"), toolkit="12.8")

    assert [one.name for one in found] == ["cuda_cccl", "cuda_cudart", "cuda_nvcc", "libcublas"]
    nvcc = found[2]
    assert (nvcc.version, nvcc.platform) == ("12.8.1.1", "linux-x86_64")
    assert nvcc.manifest.hex == hashlib.sha256(body).hexdigest()
    assert nvcc.artifact.size == 77
    assert (nvcc.artifact.url or "").endswith(
        "/compute/cuda/redist/cuda_nvcc/linux-x86_64/" + nvcc.artifact.name
    )


def test_a_release_after_the_given_day_does_not_exist(tmp_path: Path) -> None:
    with serve_index() as server:
        publish(server, "cuda", "12.9.1", "2025-06-05", "cuda_cudart")
        publish(server, "cuda", "12.8.1", "2025-03-05", "cuda_cudart")

        found = lock(server, tmp_path, 12, "2025-05-01T00:00:00Z", components=("cudart",))

    assert found[0].version == "12.8.1.1"


def test_a_library_is_taken_for_its_cuda_major_and_constraint(tmp_path: Path) -> None:
    with serve_index() as server:
        publish(server, "cudnn", "9.10.2", "2025-06-05", "cudnn")
        publish(server, "cudnn", "9.15.0", "2025-11-05", "cudnn")

        found = lock(server, tmp_path, 12, components=("cudnn",), cudnn="<9.11")

    assert found[0].artifact.name == "cudnn-linux-x86_64-9.10.2.1_cuda12-archive.tar.xz"


def test_nothing_that_answers_is_said(tmp_path: Path) -> None:
    with serve_index() as server, pytest.raises(NoSolutionError) as caught:
        lock(server, tmp_path, 12, components=("cudart",))

    assert "cuda" in caught.value.what


def test_a_part_that_a_release_lacks_is_said(tmp_path: Path) -> None:
    with serve_index() as server:
        publish(server, "cuda", "12.9.1", "2025-06-05", "cuda_cudart")

        with pytest.raises(NoSolutionError) as caught:
            lock(server, tmp_path, 12, components=("cufft",))

    assert "cufft" in caught.value.what


def test_a_page_that_is_no_manifest_is_refused(tmp_path: Path) -> None:
    with serve_index() as server:
        server.pages["/compute/cuda/redist/redistrib_12.9.1.json"] = ("text/html", b"<html>")

        with pytest.raises(IntegrityError):
            lock(server, tmp_path, 12, components=("cudart",))

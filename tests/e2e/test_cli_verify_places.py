"""``verify`` of what is in no index: commits, direct addresses, NVIDIA's archives, base images.

Each is asked about when nothing was touched, when the lock was, and when the place has it no more.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from lockenv.host import machine_here
from lockenv.lockfile import parse_lock, render_lock
from lockenv.model import Digest
from lockenv.tables.addresses import NVIDIA_REDISTRIBUTABLES
from lockenv.values import replace
from tests.e2e.test_builds_git import ALLOWED, static
from tests.support.git_server import Repository
from tests.support.kernels import kernel_sdist, redistributable, toolkit_wheels
from tests.support.projects import backend_wheel, pyproject
from tests.support.registry import memory_registry
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lockenv.model import Artifact, Lock
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

ZEROS = Digest("sha256", "0" * 64)


def another_hash(file: Artifact) -> Artifact:
    return replace(file, digest=ZEROS)


def another_size(file: Artifact) -> Artifact:
    return replace(file, size=7)


def _codes(user: User, status: int, *words: str) -> set[str]:
    answer = user.lockenv("verify", *words, "--format", "json", status=status)
    document = json.loads(answer.out)
    assert document["status"] == status
    assert all(one["fix"] and one["file"] for one in document["findings"])
    return {one["code"] for one in document["findings"]}


def _swap(user: User, change: Callable[[Lock], Lock]) -> None:
    """Change the lock as somebody would who writes it as we do; `check` cannot see it."""
    old = parse_lock(user.read("lockenv.lock"))
    new = change(old)
    assert new != old
    user.lock_path.write_text(render_lock(new))
    user.lockenv("check")


def test_a_commit_is_had_or_is_not(user: User, index: IndexServer, tmp_path: Path) -> None:
    index.publish(backend_wheel(), wheel("base", "1.0"))
    lib = Repository(tmp_path / "lib")
    lib.commit(static("1.0"))
    source = f'[tool.lockenv.sources]\nlib = {{ git = "{lib.url}", branch = "main" }}\n{ALLOWED}'
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"], tables=source))
    user.lockenv("lock")
    assert _codes(user, 0) == set()

    def on(lock: Lock) -> Lock:
        packages = [
            replace(one, vcs=replace(one.vcs, commit="ab" * 20)) if one.vcs else one
            for one in lock.packages
        ]
        return replace(lock, packages=tuple(packages))

    _swap(user, on)

    assert len(_codes(user, 8)) == 1


def test_a_direct_address_has_the_file_another_or_none(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"))
    url = f"{index.root}/files/lib-1.0-py3-none-any.whl"
    user.write("pyproject.toml", pyproject(index, dependencies=[f"lib @ {url}"]))
    user.lockenv("lock")
    assert _codes(user, 0, "--available") == set()
    kept = user.read("lockenv.lock")

    def on(change: Callable[[Lock], Lock]) -> set[str]:
        user.write("lockenv.lock", kept)
        _swap(user, change)
        return _codes(user, 4)

    def archive(changed: Callable[[Artifact], Artifact]) -> Callable[[Lock], Lock]:
        return lambda lock: replace(
            lock,
            packages=tuple(
                replace(one, archive=changed(one.archive)) if one.archive else one
                for one in lock.packages
            ),
        )

    assert on(archive(another_hash)) == {"hash-differs"}
    assert on(archive(another_size)) == {"size-differs"}
    user.write("lockenv.lock", kept)
    index.publish(wheel("lib", "1.0", files={"other.py": "other = True\n"}))
    assert _codes(user, 4) == {"hash-differs"}
    del index.published["lib-1.0-py3-none-any.whl"]
    assert "hash-differs" not in _codes(user, 8)


def test_nvidias_archives_are_what_their_manifest_lists(user: User, index: IndexServer) -> None:
    index.publish(
        *toolkit_wheels("13.0.2"),
        wheel("nvidia-cuda-runtime-cu12", "12.8.90", files={"nvidia/cu12/libcudart.so.12": "12"}),
        wheel("torch", "2.10.0", requires=["nvidia-cuda-runtime-cu12==12.8.90"]),
        kernel_sdist("kernel", "1.0", requires=["torch<2.12"], torch=True),
    )
    document: dict[str, object] = {"release_date": "2025-03-04"}
    for part in ("nvcc", "cudart"):
        data = redistributable("12.8.1", part)
        path = f"cuda_{part}/linux-x86_64/cuda_{part}-linux-x86_64-12.8.93-archive.tar.xz"
        document[f"cuda_{part}"] = {
            "name": part,
            "license": "x",
            "version": "12.8.93",
            "linux-x86_64": {
                "relative_path": path,
                "sha256": hashlib.sha256(data).hexdigest(),
                "md5": "",
                "size": str(len(data)),
            },
        }
        index.pages[f"/nvidia/cuda/redist/{path}"] = ("application/octet-stream", data)
    listing = "/nvidia/cuda/redist/redistrib_12.8.1.json"
    index.pages[listing] = ("application/json", json.dumps(document).encode())
    user.configure(f'[mirrors]\n"{NVIDIA_REDISTRIBUTABLES}" = ["{index.root}/nvidia/"]\n')
    cuda = "{ driver = '535', toolkit = '12.8.1', sources = { nvcc = 'redistributable' } }"
    tables = f"[tool.lockenv.target.gpu]\nplatform = 'linux-x86_64'\ncuda = {cuda}\n"
    tables += '[tool.lockenv.policy]\nsdist = { kernel = "locked-build" }\n'
    user.write(
        "pyproject.toml",
        pyproject(index, dependencies=["kernel"], targets=["gpu"], tables=tables),
    )
    user.lockenv("lock")
    assert _codes(user, 0, "--available") == set()
    kept = user.read("lockenv.lock")

    for changed, code in ((another_hash, "hash-differs"), (another_size, "size-differs")):
        user.write("lockenv.lock", kept)

        def on(lock: Lock, changed: Callable[[Artifact], Artifact] = changed) -> Lock:
            parts = [replace(one, artifact=changed(one.artifact)) for one in lock.cuda_components]
            return replace(lock, cuda_components=tuple(parts))

        _swap(user, on)
        assert _codes(user, 4) == {code}
    user.write("lockenv.lock", kept)
    index.pages[listing] = ("application/json", json.dumps({**document, "x": {}}).encode())
    assert _codes(user, 8) == {"not-listed"}


@pytest.mark.skipif(
    machine_here().platform != "linux-x86_64", reason="images of this platform alone are published"
)
def test_a_base_image_is_in_its_registry_as_locked(user: User, index: IndexServer) -> None:
    index.publish(wheel("app", "1.0"))
    with memory_registry() as registry:
        base = f'[tool.lockenv.image]\nbase = "{registry.address}/team/base:1"\n'
        user.write("pyproject.toml", pyproject(index, dependencies=["app"], tables=base))
        registry.publish("team/base", "1", _empty_layer())
        user.lockenv("lock")
        assert _codes(user, 0) == set()
        kept = user.read("lockenv.lock")

        def sized(lock: Lock) -> Lock:
            return replace(
                lock,
                base_images=tuple(replace(one, size=one.size + 1) for one in lock.base_images),
            )

        _swap(user, sized)
        assert _codes(user, 4) == {"fact-differs"}
        user.write("lockenv.lock", kept)

        def another(lock: Lock) -> Lock:
            return replace(
                lock, base_images=tuple(replace(one, digest=ZEROS) for one in lock.base_images)
            )

        _swap(user, another)
        assert len(_codes(user, 8)) == 1


def _empty_layer() -> bytes:
    import io  # noqa: PLC0415 - one use
    import tarfile  # noqa: PLC0415 - likewise

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("etc/motd")
        archive.addfile(member, io.BytesIO(b""))
    return stream.getvalue()

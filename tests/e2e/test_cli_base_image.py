"""Base images: a tag becomes a digest, which stays, is verified, and moves only when asked."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from lockenv.host import machine_here
from lockenv.lockfile import parse_lock
from tests.support.projects import pyproject
from tests.support.registry import memory_registry
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer
    from tests.support.registry import MemoryRegistry

pytestmark = pytest.mark.skipif(
    machine_here().platform != "linux-x86_64", reason="images of this platform alone are published"
)


def _layer(text: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        data = text.encode()
        member = tarfile.TarInfo("etc/motd")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _project(user: User, index: IndexServer, registry: MemoryRegistry, tool: str = "") -> None:
    index.publish(wheel("app", "1.0"))
    base = f'[tool.lockenv.image]\nbase = "{registry.address}/team/base:1"\n'
    user.write("pyproject.toml", pyproject(index, dependencies=["app"], tool=tool, tables=base))


def _digest(user: User) -> str:
    return str(parse_lock(user.read("lockenv.lock")).base_images[0].digest)


def test_a_tag_becomes_a_digest_that_moves_only_when_asked(user: User, index: IndexServer) -> None:
    with memory_registry() as registry:
        _project(user, index, registry)
        first = registry.publish("team/base", "1", _layer("one"))
        user.lockenv("lock")
        locked = _digest(user)
        second = registry.publish("team/base", "1", _layer("two"))
        user.lockenv("lock")
        kept = _digest(user)
        user.lockenv("lock", "--upgrade=base")

    assert (locked, kept, _digest(user)) == (first, first, second)
    user.lockenv("check")


def test_other_bytes_than_those_of_the_digest_are_refused(user: User, index: IndexServer) -> None:
    with memory_registry() as registry:
        _project(user, index, registry)
        registry.publish("team/base", "1", _layer())
        for name in registry.blobs:
            registry.blobs[name] = registry.blobs[name][:-1] + b"!"

        answer = user.lockenv("lock", status=4)

    assert answer.slug == "digest-mismatch"
    assert not user.lock_path.exists()


def test_a_day_in_the_past_needs_a_digest(user: User, index: IndexServer) -> None:
    with memory_registry() as registry:
        _project(user, index, registry)
        registry.publish("team/base", "1", _layer())

        answer = user.lockenv("lock", "--as-of", "2026-10-01", status=2)

    assert answer.slug == "base-without-digest"


@pytest.mark.parametrize("auth", ["token", "basic"])
def test_a_registry_that_knows_its_users(user: User, index: IndexServer, auth: str) -> None:
    with memory_registry(auth=auth) as registry:
        _project(user, index, registry)
        registry.publish("team/base", "1", _layer())
        stranger = user.lockenv("lock", status=8)
        pair = base64.b64encode(b"me:secret").decode()
        user.variables["DOCKER_CONFIG"] = str(user.ground / "docker")
        (user.ground / "docker").mkdir()
        (user.ground / "docker/config.json").write_text(
            json.dumps({"auths": {registry.address: {"auth": pair}}})
        )

        answer = user.lockenv("lock")

    assert stranger.slug == "registry-denied"
    assert "secret" not in answer.text + user.read("lockenv.lock")


def test_a_mirror_is_asked_instead_of_the_registry(user: User, index: IndexServer) -> None:
    with memory_registry() as registry:
        _project(user, index, registry)
        text = user.read("pyproject.toml").replace(registry.address, "registry.example.com")
        user.write("pyproject.toml", text)
        registry.publish("mirrored/team/base", "1", _layer())
        user.configure(
            '[mirrors]\n"https://registry.example.com/v2/" = '
            f'["http://{registry.address}/v2/mirrored/"]\n'
        )

        user.lockenv("lock")

    assert 'reference = "registry.example.com/team/base:1"' in user.read("lockenv.lock")


def test_cuda_in_the_base_and_in_wheels_is_told(user: User, index: IndexServer) -> None:
    with memory_registry() as registry:
        index.publish(wheel("nvidia-cuda-runtime-cu12", "12.4.127"))
        base = f'[tool.lockenv.image]\nbase = "{registry.address}/team/base:1"\n'
        user.write(
            "pyproject.toml",
            pyproject(index, dependencies=["nvidia-cuda-runtime-cu12"], tables=base),
        )
        registry.publish("team/base", "1", _layer(), Env=["CUDA_VERSION=12.4.1"])
        answer = user.lockenv("lock")

        found = user.lockenv("check", status=1)

    assert "LE703" in answer.err
    assert "LE703" in found.text

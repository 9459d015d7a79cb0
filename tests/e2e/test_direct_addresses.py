"""Files at addresses of their own: what a hash in the address binds, and what is no address."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.backends import source_folder
from tests.support.index_server import serve_index
from tests.support.projects import backend_wheel, pyproject
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.commands import User
    from tests.support.index_server import IndexServer

LIB = wheel("lib", "1.0", requires=["dep"])
WRONG = "#sha256=" + "0" * 64
RIGHT = f"#sha256={LIB.sha256}"
LIBRARY = """\
[project]
name = "lib"
version = "2.0"

[build-system]
requires = ["tinybackend"]
build-backend = "tinybackend"
"""
ALLOWED = '[tool.lockenv.policy]\nsdist = { lib = "locked-build" }\n'


@pytest.fixture
def place() -> Iterator[IndexServer]:
    """Another server than the index: it has a wheel that no index lists."""
    with serve_index() as server:
        server.publish(LIB)
        yield server


@pytest.fixture
def world(index: IndexServer, place: IndexServer) -> IndexServer:
    asked = f"lib @ {address(place)}"
    index.publish(wheel("dep", "1.0"), wheel("lib", "9.0"), backend_wheel())
    index.publish(wheel("app", "1.0", requires=[asked]))
    index.publish(wheel("strict", "1.0", requires=[asked + RIGHT]))
    index.publish(wheel("wrong", "1.0", requires=[asked + WRONG]))
    return index


def address(place: IndexServer) -> str:
    return f"{place.root}/files/{LIB.filename}"


def locked(user: User) -> dict[str, object]:
    lock = tomllib.loads(user.read("lockenv.lock"))
    found: dict[str, object] = next(one for one in lock["packages"] if one["name"] == "lib")
    return found


def test_a_wheel_is_held_to_the_hash_in_its_address_while_locking(
    user: User, world: IndexServer, place: IndexServer
) -> None:
    asked = [f"lib @ {address(place)}{WRONG}"]
    user.write("pyproject.toml", pyproject(world, dependencies=asked))

    refused = user.lockenv("lock", status=4)

    assert refused.slug == "digest-mismatch"
    assert "correct the hash in the manifest" in refused.err
    assert not user.lock_path.exists()


def test_what_is_no_hash_is_said(user: User, world: IndexServer, place: IndexServer) -> None:
    asked = [f"lib @ {address(place)}#sha256=00"]
    user.write("pyproject.toml", pyproject(world, dependencies=asked))

    refused = user.lockenv("lock", status=2)

    assert refused.slug == "unusable-address"
    assert "sha256=00 is no hash" in refused.err


@pytest.mark.parametrize(
    "asked", [["lib", "lib" + RIGHT], ["app", "lib" + RIGHT], ["app", "strict"], ["strict", "lib"]]
)
def test_an_address_with_and_without_its_hash_is_one_place(
    user: User, world: IndexServer, place: IndexServer, asked: list[str]
) -> None:
    lines = [one.replace("lib", f"lib @ {address(place)}") for one in asked]
    user.write("pyproject.toml", pyproject(world, dependencies=lines))

    user.lockenv("lock")

    assert locked(user)["archive"] == {
        "name": LIB.filename,
        "url": address(place),
        "size": len(LIB.data),
        "hashes": {"sha256": LIB.sha256},
    }
    user.lockenv("check")
    user.lockenv("sync")


@pytest.mark.parametrize("asked", [["app", "wrong"], ["lib", "wrong"], ["lib", "lib" + WRONG]])
def test_the_hash_that_anyone_gives_holds_for_all(
    user: User, world: IndexServer, place: IndexServer, asked: list[str]
) -> None:
    lines = [one.replace("lib", f"lib @ {address(place)}") for one in asked]
    user.write("pyproject.toml", pyproject(world, dependencies=lines))

    assert user.lockenv("lock", status=4).slug == "digest-mismatch"


@pytest.mark.parametrize("inner", ["pk", "pk/", "./pk", "pk/../pk"])
def test_a_subdirectory_of_an_archive_has_one_spelling(
    user: User, world: IndexServer, place: IndexServer, inner: str
) -> None:
    built = sdist("lib", "2.0", files={"pk/pyproject.toml": LIBRARY, "pk/lib.py": "X = 1\n"})
    place.publish(built)
    url = f"{place.root}/files/{built.filename}#sha256={built.sha256}"
    rule = f'[tool.lockenv.sources]\nlib = {{ url = "{url}", subdirectory = "{inner}" }}\n'
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule + ALLOWED))

    user.lockenv("lock")
    user.lockenv("sync")

    archive = locked(user)["archive"]
    assert isinstance(archive, dict)
    assert archive["subdirectory"] == "pk"
    assert user.versions() == {"lib": "2.0"}
    user.lockenv("check", "--all")


def test_what_no_backend_can_build_is_refused_before_one_is_asked_for(
    user: User, world: IndexServer
) -> None:
    LIB.write(user.folder / "dist")
    rule = '[tool.lockenv.sources]\nlib = { path = "dist" }\n'
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule))

    refused = user.lockenv("lock", status=2)

    assert "neither pyproject.toml nor setup.py lies there" in refused.err
    assert 'format = "flat"' in refused.err


def test_a_file_is_not_editable_and_a_file_address_is_absolute(
    user: User, world: IndexServer
) -> None:
    LIB.write(user.folder / "dist")
    rule = f'[tool.lockenv.sources]\nlib = {{ path = "dist/{LIB.filename}", editable = true }}\n'
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule))
    assert "editable = true is for folders" in user.lockenv("lock", status=2).err

    source_folder(user.ground / "lib", {"pyproject.toml": LIBRARY, "lib.py": "X = 1\n"})
    user.write("pyproject.toml", pyproject(world, dependencies=["lib @ file:../lib"]))
    assert "file: addresses are absolute" in user.lockenv("lock", status=2).err


def test_another_place_of_a_package_is_drift_and_is_taken(
    user: User, world: IndexServer, place: IndexServer
) -> None:
    world.publish(LIB)
    other = wheel("lib", "1.0", files={"lib.py": "OTHER = 1\n"}).write(user.ground / "other")
    for folder in ("one", "two"):
        source_folder(user.ground / folder, {"pyproject.toml": LIBRARY, "lib.py": "X = 1\n"})
    places = [
        address(place),
        f"{world.root}/files/{LIB.filename}",
        LIB.write(user.ground / "same").as_uri(),
        other.as_uri(),
        (user.ground / "one").as_uri(),
        (user.ground / "two").as_uri(),
    ]
    user.write("pyproject.toml", pyproject(world, dependencies=[f"lib @ {places[0]}"]))
    user.lockenv("lock")
    for url in places[1:]:
        user.write("pyproject.toml", pyproject(world, dependencies=[f"lib @ {url}"]))

        assert "LE103" in user.lockenv("check", status=1).out
        user.lockenv("lock")

        found = locked(user)
        archive = found.get("archive", {})
        assert isinstance(archive, dict)
        if url.startswith("http"):
            assert archive["url"] == url
        else:
            where = found.get("directory", archive)
            assert isinstance(where, dict)
            assert (user.folder / str(where["path"])).resolve().as_uri() == url
        user.lockenv("check")


def test_another_hash_in_an_address_is_drift(
    user: User, world: IndexServer, place: IndexServer
) -> None:
    asked = f"lib @ {address(place)}"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked]))
    user.lockenv("lock")

    user.write("pyproject.toml", pyproject(world, dependencies=[asked + WRONG]))
    assert "LE103" in user.lockenv("check", status=1).out
    user.write("pyproject.toml", pyproject(world, dependencies=[f"{asked}{RIGHT}&egg=lib"]))
    user.lockenv("check")


def test_the_manifests_place_holds_against_the_address_that_a_package_asks_for(
    user: User, world: IndexServer
) -> None:
    world.publish(LIB)
    ours = f"{world.root}/files/{LIB.filename}"
    rule = f'[tool.lockenv.sources]\nlib = {{ url = "{ours}" }}\n'
    user.write("pyproject.toml", pyproject(world, dependencies=["app"], tables=rule))

    user.lockenv("lock")

    archive = locked(user)["archive"]
    assert isinstance(archive, dict)
    assert archive["url"] == ours
    user.lockenv("check")
    user.lockenv("sync")


def test_an_override_moved_to_another_place_is_drift_and_is_taken(
    user: User, world: IndexServer, place: IndexServer
) -> None:
    world.publish(LIB)
    for url in (f"{world.root}/files/{LIB.filename}", address(place)):
        tool = f'overrides = ["lib @ {url}"]'
        user.write("pyproject.toml", pyproject(world, dependencies=["app"], tool=tool))
        if user.lock_path.exists():
            assert "LE112" in user.lockenv("check", status=1).out

        user.lockenv("lock")

        archive = locked(user)["archive"]
        assert isinstance(archive, dict)
        assert archive["url"] == url


def test_the_same_file_at_an_index_of_another_address_is_locked_there(
    user: User, world: IndexServer, place: IndexServer
) -> None:
    dep = wheel("dep", "1.0")
    place.publish(dep)
    user.write("pyproject.toml", pyproject(world, dependencies=["dep"]))
    user.lockenv("lock")

    user.write("pyproject.toml", pyproject(place, dependencies=["dep"]))
    user.lockenv("lock")

    assert f"{place.root}/files/{dep.filename}" in user.read("lockenv.lock")
    assert f":{world.port}/" not in user.read("lockenv.lock")
    user.lockenv("check")

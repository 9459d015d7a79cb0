"""Packages from direct addresses: whoever asks for them, however the address is spelled."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import serve_index
from tests.support.wheels import Built, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as serving:
        yield serving


def _user(ground: Path, index: IndexServer, dependencies: list[str], more: str = "") -> User:
    user = User(ground)
    asked = ", ".join(f'"{one}"' for one in dependencies)
    user.write(
        "lockenv.toml",
        f'dependencies = [{asked}]\npython = "3.11"\ntargets = ["linux-x86_64"]\n{more}\n'
        f'[[index]]\nname = "own"\nurl = "{index.url}"\ndefault = true\n',
    )
    return user


def _pins(user: User) -> dict[str, str]:
    document = tomllib.loads(user.read("lockenv.lock"))
    return {package["name"]: package["version"] for package in document["packages"]}


ADDRESSES = {
    "as it is": ("{0}", "{0}"),
    "with a name in the fragment": ("{0}#egg=lib", "{0}"),
    "by the name of this machine": ("file://localhost{1}", "{0}"),
}


@pytest.mark.parametrize("spelling", ADDRESSES)
def test_an_address_serves_those_who_ask_by_name_and_extra_too(
    tmp_path: Path, index: IndexServer, spelling: str
) -> None:
    path = wheel("lib", "1.0", extras={"more": ["base"]}).write(tmp_path / "files")
    index.publish(wheel("base", "1.0"), wheel("app", "1.0", requires=["lib[more]"]))
    asked = [one.format(path.as_uri(), path) for one in ADDRESSES[spelling]]
    user = _user(tmp_path, index, [f"lib @ {asked[0]}", f"lib @ {asked[1]}", "app"])

    user.lockenv("lock")

    assert _pins(user) == {"app": "1.0", "base": "1.0", "lib": "1.0"}
    user.lockenv("check")


def test_an_address_in_a_constraint_serves_whoever_asks_for_the_name(
    tmp_path: Path, index: IndexServer
) -> None:
    path = wheel("lib", "1.0").write(tmp_path / "files")
    index.publish(wheel("lib", "2.0"), wheel("app", "1.0", requires=["lib"]))
    user = _user(tmp_path, index, ["app"], f'constraints = ["lib @ {path.as_uri()}"]')

    user.lockenv("lock")

    assert _pins(user) == {"app": "1.0", "lib": "1.0"}


def test_a_useless_address_in_a_constraint_rejects_who_needs_it(
    tmp_path: Path, index: IndexServer
) -> None:
    path = wheel("lib", "1.0", tag="cp99-cp99-plan9").write(tmp_path / "files")
    index.publish(wheel("app", "1.0"), wheel("app", "2.0", requires=["lib"]))
    more = f'constraints = ["lib @ {path.as_uri()}"]'

    user = _user(tmp_path, index, ["app"], more)
    user.lockenv("lock")
    assert _pins(user) == {"app": "1.0"}

    user = _user(tmp_path, index, ["app>=2"], more)
    answer = user.lockenv("lock", status=3)
    assert "the target does not accept its tags cp99-cp99-plan9" in answer.err


def test_a_file_of_another_package_than_its_name_says_is_passed_over(
    tmp_path: Path, index: IndexServer
) -> None:
    other = wheel("lib", "2.0")
    index.publish(wheel("lib", "1.0"))
    index.publish(Built("lib-3.0-py3-none-any.whl", other.data, other.metadata))

    user = _user(tmp_path, index, ["lib"])
    answer = user.lockenv("lock")
    assert _pins(user) == {"lib": "1.0"}
    assert "passed over lib-3.0-py3-none-any.whl: its metadata are of lib 2.0" in answer.err

    user = _user(tmp_path, index, ["lib>=3"])
    answer = user.lockenv("lock", status=4)
    assert answer.slug == "metadata-mismatch"

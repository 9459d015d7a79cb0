"""Which Python packages are chosen: direct addresses, yanked files, old pins beside new asks."""

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


def test_a_yanked_file_is_taken_by_an_exact_pin_only_where_no_other_is(
    tmp_path: Path, index: IndexServer
) -> None:
    index.publish(wheel("lib", "2.0"), wheel("lib", "1.0"))
    index.publish(wheel("lib", "2.0+own"), wheel("lib", "3.0"), yanked="it is broken")

    user = _user(tmp_path, index, ["lib==2.0"])
    user.lockenv("lock")
    assert _pins(user) == {"lib": "2.0"}

    user = _user(tmp_path, index, ["lib==3.0"])
    user.lockenv("lock")
    assert _pins(user) == {"lib": "3.0"}

    user = _user(tmp_path / "other", index, ["lib==3.*"])
    answer = user.lockenv("lock", status=3)
    assert "lib 3.0: it is yanked: it is broken" in answer.err


def test_what_old_pins_hold_back_is_said_and_what_moves_has_its_reason(
    tmp_path: Path, index: IndexServer
) -> None:
    index.publish(wheel("app", "1.0", requires=["lib"]), wheel("lib", "1.0"))
    index.publish(wheel("tool", "1.0", requires=["lib"]))
    user = _user(tmp_path, index, ["app"])
    user.lockenv("lock")
    index.publish(wheel("lib", "2.0"), wheel("tool", "2.0", requires=["lib>=2"]))
    index.publish(wheel("must", "1.0", requires=["lib>=2"]))

    _user(tmp_path, index, ["app", "tool"])
    answer = user.lockenv("lock")
    assert _pins(user) == {"app": "1.0", "lib": "1.0", "tool": "1.0"}
    assert (
        "tool 1.0 was taken beside the old pins: tool 2.0 asks lib>=2, and lib stays at 1.0"
        in answer.err
    )

    told = user.lockenv("why", "tool").out
    assert "not taken: tool 2.0: it asks lib>=2, and lib is locked at 1.0" in told

    _user(tmp_path, index, ["app", "tool", "must"])
    answer = user.lockenv("lock", "--strict", status=3)
    assert "lockenv lock without --strict" in answer.err
    answer = user.lockenv("lock")
    assert _pins(user) == {"app": "1.0", "lib": "2.0", "must": "1.0", "tool": "1.0"}
    assert "lib 1.0 -> 2.0: must 1.0 asks lib>=2" in answer.err
    assert len(user.lockenv("why", "lib").out.splitlines()) == 4


def test_newer_versions_that_lack_an_extra_say_so(tmp_path: Path, index: IndexServer) -> None:
    index.publish(wheel("app", "1.0", extras={"fast": ["lib<2"]}))
    index.publish(
        wheel("app", "2.0", requires=["lib>=2"]), wheel("lib", "1.0"), wheel("lib", "2.0")
    )
    user = _user(tmp_path, index, ["app[fast]"])
    user.lockenv("lock")

    told = user.lockenv("why", "app").out

    assert _pins(user) == {"app": "1.0", "lib": "1.0"}
    assert "not taken: app 2.0: it has no extra fast" in told


def test_what_an_extra_of_a_newer_version_asks_is_a_reason(
    tmp_path: Path, index: IndexServer
) -> None:
    index.publish(
        wheel("lib", "1.0"), wheel("lib", "2.0"), wheel("tool", "1.0", requires=["lib<2"])
    )
    for version, asked in (("1.0", "lib"), ("2.0", "lib>=2"), ("4.0", "lib>=2")):
        index.publish(wheel("app", version, extras={"fast": [asked]}))
    index.publish(wheel("app", "3.0", extras={"fast": ["lib>=2"]}), yanked="broken")
    user = _user(tmp_path, index, ["app[fast]", "tool"])
    user.lockenv("lock")

    told = user.lockenv("why", "app").out

    reason = "it asks lib>=2, and lib is locked at 1.0"
    assert f"not taken: app 4.0 and 2.0: {reason}" in told
    assert "not taken: app 3.0: it is yanked: broken" in told
    assert reason in user.lockenv("outdated").out


def test_nothing_is_refused_for_what_a_page_said_some_minutes_ago(
    tmp_path: Path, index: IndexServer
) -> None:
    index.publish(wheel("lib", "1.0"))
    user = _user(tmp_path, index, ["lib"])
    user.lockenv("lock")
    index.publish(wheel("lib", "2.0"))

    _user(tmp_path, index, ["lib>=2"])
    user.lockenv("lock")
    assert _pins(user) == {"lib": "2.0"}

    index.forget()
    _user(tmp_path, index, ["lib>=3"])
    answer = user.lockenv("lock", status=3)
    assert "nothing answers lib>=3" in answer.err
    assert index.asked("GET", "/simple/lib/") == 1

"""Which target, groups and extras a command means."""

from __future__ import annotations

import pytest

from lockenv.errors import InputError
from lockenv.model import Lock, LockedPackage, LockedTarget
from lockenv.workflows.choice import choose, choose_target
from lockenv.workflows.selection import AskedSelection


def _target(name: str, platform: str = "linux-x86_64", python: str = "3.11.7") -> LockedTarget:
    return LockedTarget(
        name=name,
        table=name.partition("-py")[0],
        platform=platform,
        python=python,
        groups=("dev",),
    )


def _lock(*targets: LockedTarget) -> Lock:
    names = tuple(target.name for target in targets)
    package = LockedPackage(
        name="lib",
        version="1",
        targets=names,
        groups=("extra:plot", "group:dev", "group:docs", "project"),
    )
    request = dict.fromkeys(
        names,
        (
            "requirement extra:plot lib",
            "requirement group:dev lib",
            "requirement group:docs lib",
            "requirement project lib",
        ),
    )
    return Lock(targets=targets, packages=(package,), request=request)


Memory = dict[str, str | tuple[str, ...]]

HERE = "linux-x86_64"
ONE = _lock(_target("gpu"), _target("mac", "macos-arm64"))
TWO = _lock(_target("gpu"), _target("cpu"))
MATRIX = _lock(_target("gpu-py3.11"), _target("gpu-py3.12", python="3.12.1"))


def test_the_only_target_of_this_platform_is_meant() -> None:
    assert choose_target(ONE, None, platform=HERE).name == "gpu"


def test_a_name_wins_over_everything() -> None:
    assert choose_target(TWO, "cpu", platform=HERE, default="gpu").name == "cpu"


def test_the_default_is_taken_only_on_its_own_platform() -> None:
    assert choose_target(ONE, None, platform=HERE, default="mac").name == "gpu"
    assert choose_target(TWO, None, platform=HERE, default="cpu").name == "cpu"


def test_auto_takes_the_first_that_fits() -> None:
    assert choose_target(TWO, "auto", platform=HERE).name == "gpu"


@pytest.mark.parametrize(("lock", "name"), [(TWO, None), (ONE, "gup"), (MATRIX, None)])
def test_what_is_not_clear_is_asked_back_with_the_list(lock: Lock, name: str | None) -> None:
    with pytest.raises(InputError) as caught:
        choose_target(lock, name, platform=HERE)

    assert caught.value.slug == "no-target"
    assert all(any(target.name in line for line in caught.value.why) for target in lock.targets)


def test_a_cell_of_a_matrix_is_named_by_its_python() -> None:
    assert choose_target(MATRIX, None, platform=HERE, python="3.12").name == "gpu-py3.12"


def test_the_environment_remembers_until_something_is_named() -> None:
    memory: Memory = {"target": "cpu", "groups": ("docs",), "extras": ("plot",), "project": "yes"}

    silent = choose(TWO, AskedSelection(), platform=HERE, remembered=memory)
    named = choose(TWO, AskedSelection(groups=("docs",)), platform=HERE, remembered=memory)

    assert (silent.target, silent.groups, silent.extras) == ("cpu", ("docs",), ("plot",))
    assert (named.target, named.groups, named.extras) == ("cpu", ("dev", "docs"), ())


def test_a_remembered_group_that_is_gone_is_forgotten() -> None:
    memory: Memory = {"target": "gpu", "groups": ("docs", "gone"), "project": "yes"}

    assert choose(ONE, AskedSelection(), platform=HERE, remembered=memory).groups == ("docs",)


def test_only_a_group_is_only_that_group() -> None:
    choice = choose(ONE, AskedSelection(only_groups=("docs",)), platform=HERE)

    assert (choice.groups, choice.extras, choice.project) == (("docs",), (), False)


def test_a_group_can_be_left_out() -> None:
    assert choose(ONE, AskedSelection(no_groups=("dev",)), platform=HERE).groups == ()


def test_everything_is_everything() -> None:
    choice = choose(ONE, AskedSelection(all_groups=True, all_extras=True), platform=HERE)

    assert (choice.groups, choice.extras) == (("dev", "docs"), ("plot",))


def test_an_unknown_group_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        choose(ONE, AskedSelection(groups=("dosc",)), platform=HERE)

    assert caught.value.fix == ("--group docs",)

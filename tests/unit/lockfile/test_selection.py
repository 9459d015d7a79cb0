from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockenv.lockfile import environment_digest, regrouped, select
from tests.support.locks import lock_of, package, small_lock

if TYPE_CHECKING:
    from lockenv.model import Lock


def _names(lock: Lock, **wanted: tuple[str, ...] | bool) -> list[str]:
    return [member.name for member in select(lock, "gpu", **wanted).packages]  # type: ignore[arg-type]  # keywords of two types


def test_the_default_selection_is_the_targets() -> None:
    assert _names(small_lock()) == ["idna", "pysocks", "requests", "rich"]
    assert _names(small_lock(), groups=()) == ["idna", "pysocks", "requests"]
    assert _names(small_lock(), groups=("dev",), project=False) == ["rich"]


def test_the_project_itself_stands_apart() -> None:
    selection = select(small_lock(), "gpu")

    assert selection.project is not None
    assert selection.project.name == "app"
    assert [build.name for build in selection.builds] == ["app"]
    assert select(small_lock(), "gpu", project=False).project is None


def test_each_target_has_its_own_file() -> None:
    def rich(target: str) -> str:
        (member,) = (m for m in select(small_lock(), target).packages if m.name == "rich")
        return member.artifact.name if member.artifact else ""

    assert rich("cpu") == "rich-13.7.0-py3-none-any.whl"
    assert rich("gpu") == "rich-13.7.0-cp311-cp311-manylinux_2_17_x86_64.whl"


def test_every_package_knows_who_asked() -> None:
    (member,) = (m for m in select(small_lock(), "gpu").packages if m.name == "pysocks")

    (edge,) = member.asked_by
    assert (edge.asker, edge.is_root) == ("requests", False)


def test_an_unknown_target_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        select(small_lock(), "tpu")


def test_the_digest_is_of_what_is_installed_alone() -> None:
    lock = small_lock()
    digest = environment_digest(lock, select(lock, "gpu"))
    renamed = replace(
        lock,
        packages=tuple(
            replace(
                item,
                index=None,
                wheels=tuple(replace(wheel, url=None, upload_time=None) for wheel in item.wheels),
            )
            for item in lock.packages
        ),
    )

    assert environment_digest(renamed, select(renamed, "gpu")) == digest
    assert environment_digest(lock, select(lock, "cpu")) != digest
    assert environment_digest(lock, select(lock, "gpu", groups=())) != digest


def test_an_other_file_or_interpreter_changes_the_digest() -> None:
    lock = small_lock()
    digest = environment_digest(lock, select(lock, "gpu"))
    other = replace(
        lock,
        interpreters=tuple(replace(item, version="3.11.8") for item in lock.interpreters),
    )

    assert environment_digest(other, select(other, "gpu")) != digest


def test_what_nothing_reaches_is_dropped_when_grouped_again() -> None:
    lock = lock_of(package("a"), package("stray"), asked=("requirement seed a",))

    (kept,) = regrouped(lock).packages
    assert (kept.name, kept.groups) == ("a", ("seed",))

"""Targets that were not solved again keep what they have, without splitting what is the same."""

from __future__ import annotations

from lockenv.model import Artifact, LockedPackage, sha256
from lockenv.workflows.locking.assemble import with_untouched


def _file(name: str, *targets: str, digit: str = "a") -> Artifact:
    return Artifact(name=name, digest=sha256(digit * 64), targets=targets)


def _package(version: str, *files: Artifact, targets: tuple[str, ...]) -> LockedPackage:
    return LockedPackage(
        name="lib", version=version, targets=targets, wheels=files, groups=("project",)
    )


def test_an_entry_that_says_the_same_serves_both() -> None:
    former = _package("1", _file("lib-1.whl", "mac", "small"), targets=("mac", "small"))
    new = _package("1", _file("lib-1.whl", "small"), targets=("small",))

    assert with_untouched([new], [former], {"mac"}) == (former,)


def test_files_of_different_targets_stand_in_one_entry() -> None:
    mac, small = _file("lib-mac.whl", "mac"), _file("lib-small.whl", "small", digit="b")
    former = _package("1", mac, small, targets=("mac", "small"))
    new = _package("1", small, targets=("small",))

    assert with_untouched([new], [former], {"mac"}) == (former,)


def test_another_version_stands_beside_the_old_one() -> None:
    former = _package("1", _file("lib-1.whl", "mac", "small"), targets=("mac", "small"))
    new = _package("2", _file("lib-2.whl", "small", digit="b"), targets=("small",))

    joined = with_untouched([new], [former], {"mac"})

    assert joined == (new, _package("1", _file("lib-1.whl", "mac"), targets=("mac",)))


def test_nothing_is_kept_where_no_target_stays() -> None:
    former = _package("1", _file("lib-1.whl", "small"), targets=("small",))

    assert with_untouched([], [former], set()) == ()

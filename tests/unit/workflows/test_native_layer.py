"""Missing native libraries: found while locking, noted, refused or added; found again offline.

Locked from a local index and a signed archive of the test's own.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import NetworkError, NoSolutionError
from lockenv.manifest import parse_manifest
from lockenv.model import Archive, Origin, System, SystemPackage
from lockenv.settings import Settings
from lockenv.values import dataclass, replace
from lockenv.workflows.lock import LockOptions, lock
from lockenv.workflows.locking.native_layer import native_findings
from lockenv.workflows.project import Project
from lockenv.workflows.scene import Scene
from tests.support.backends import source_package, witness_wheel
from tests.support.debian_archive import DebianArchive, deb, serve_files
from tests.support.elves import elf
from tests.support.index_server import serve_index
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.model import LockedSystemPackage
    from lockenv.workflows.lock import LockOutcome
    from tests.support.index_server import IndexServer

TAG = "cp311-cp311-manylinux_2_28_x86_64"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
CONTENTS = {
    f"{LIBRARIES}/libGL.so.1": "libs/libgl1",
    f"{LIBRARIES}/libodd.so.2": "oldlibs/libodd-legacy,libs/libodd2",
    f"{LIBRARIES}/private/libhidden.so.1": "libs/hidden",
    f"{LIBRARIES}/libpq.so.5": "libs/libpq5",
    f"{LIBRARIES}/libmpi.so.40": "libs/libfirst,libs/libsecond",
    "usr/share/doc/libfalse.so.1": "doc/false",
}
PLACE = Origin("lockenv.toml", ("system",))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """An index, an archive, and a user who locks against both."""

    folder: Path
    index: IndexServer
    archive: str
    files: dict[str, bytes]

    def lose_contents(self) -> None:
        """Let the archive's Contents be older than its Release, as on a mirror amid a sync."""
        listed = {data for path, data in self.files.items() if "Contents" in path}
        for path in [path for path, data in self.files.items() if data in listed]:
            if "by-hash" in path:
                del self.files[path]
            else:
                self.files[path] = b"older"

    def lock(
        self,
        *names: str,
        policy: str = "warn",
        packages: tuple[str, ...] = (),
        prefer: tuple[str, ...] = (),
        more: tuple[str, ...] = (),
        system: bool = True,
    ) -> LockOutcome:
        """Lock a project that asks for these."""
        project = self.project(*names, policy=policy, packages=packages, prefer=prefer, more=more)
        if not system:
            project = Project(self.folder, replace(project.manifest, system=None))
        settings = Settings(cache_dir=self.folder / "cache", data_dir=self.folder / "data")
        scene = Scene(
            settings=settings,
            directory=self.folder,
            clock=lambda: datetime(2026, 3, 1, tzinfo=UTC),
        )
        return lock(scene, LockOptions(), project)

    def project(
        self,
        *names: str,
        policy: str = "warn",
        packages: tuple[str, ...] = (),
        prefer: tuple[str, ...] = (),
        more: tuple[str, ...] = (),
    ) -> Project:
        """The project with the test's archive as its only one."""
        lines = [
            'python = "3.11"',
            'targets = ["linux-x86_64"]',
            f"dependencies = {list(names)!r}",
            f'policy.native-libraries = "{policy}"',
            *more,
            f'index = [{{ name = "local", url = "{self.index.url}", default = true }}]',
        ]
        text = "\n".join(lines)
        parsed = parse_manifest("lockenv.toml", text, load=lambda _: None)
        (self.folder / "lockenv.toml").write_text(text)
        archive = Archive(
            name="test",
            url=self.archive,
            suites=("stable",),
            components=("main",),
            signed_by="archive.pgp",
        )
        system = System(
            distribution="none",
            suite="stable",
            packages=tuple(SystemPackage(relation=name, origin=PLACE) for name in packages),
            prefer=prefer,
            archives=(archive,),
            origin=PLACE,
        )
        return Project(self.folder, replace(parsed, system=system))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """What every minimal system has, some libraries, and wheels that need them."""
    made = DebianArchive()
    made.add(
        deb("libc6", "2.36-9", essential="yes", priority="required"),
        deb("libstdc++6", "12.2", priority="required"),
        deb("libgl1", "1.6", depends="libx11-6"),
    )
    for name in (
        "libx11-6",
        "libodd2",
        "libodd-legacy",
        "hidden",
        "libfirst",
        "libsecond",
        "libpq5",
    ):
        made.add(deb(name))
    made.publish("stable", contents=CONTENTS)
    (tmp_path / "archive.pgp").write_bytes(made.key.public)
    needs = {
        "cv": ["libGL.so.1", "libstdc++.so.6", "libc.so.6", "libcuda.so.1"],
        "odd": ["libodd.so.2", "libhidden.so.1"],
        "parallel": ["libmpi.so.40"],
    }
    with serve_files(made.files) as server, serve_index() as index:
        for name, needed in needs.items():
            files = {f"{name}.abi3.so": elf(needed=needed)}
            index.publish(wheel(name, "4.0", tag=TAG, files=files))
        index.publish(wheel("pure", "1.0"), wheel("sounddevice", "0.5"))
        yield World(folder=tmp_path, index=index, archive=server.url, files=made.files)


def _system(outcome: LockOutcome) -> dict[str, LockedSystemPackage]:
    return {one.name: one for one in outcome.lock.system_packages}


def _gaps(outcome: LockOutcome) -> tuple[str, ...]:
    return outcome.lock.targets[0].native_libraries


def test_a_gap_is_noted_and_recorded_with_the_package_that_would_close_it(world: World) -> None:
    outcome = world.lock("cv", "pure")

    assert "cv 4.0 needs libGL.so.1: add libgl1 (linux-x86_64)" in outcome.notes
    assert any('add "libgl1" to packages in [system]' in note for note in outcome.notes)
    assert _gaps(outcome) == ("cv 4.0 needs libGL.so.1: add libgl1",)


def test_check_finds_it_again_from_the_lock_alone(world: World) -> None:
    outcome = world.lock("cv")

    (finding,) = native_findings(world.project("cv"), outcome.lock)

    assert (finding.code, finding.severity, finding.package) == ("LE403", "warning", "cv")
    assert finding.message == "cv 4.0 needs libGL.so.1"
    assert finding.fix == 'add "libgl1" to packages in [system], then lockenv lock'


def test_the_named_package_closes_the_gap(world: World) -> None:
    outcome = world.lock("cv", packages=("libgl1",))

    assert _gaps(outcome) == ()
    assert not [note for note in outcome.notes if "needs" in note]


def test_add_locks_the_package_by_itself_and_notes_for_whom(world: World) -> None:
    outcome = world.lock("cv", policy="add")

    added = _system(outcome)["libgl1"]
    assert added.roles == ("native-library",)
    assert added.note == "cv 4.0 needs libGL.so.1"
    assert _system(outcome)["libx11-6"].roles == ("dependency",)
    assert _gaps(outcome) == ()


def test_what_was_added_stays_while_it_is_needed_and_goes_with_the_wheel(world: World) -> None:
    first = world.lock("cv", "pure", policy="add")
    assert world.lock("cv", "pure", policy="add").text == first.text

    outcome = world.lock("pure", policy="add")

    assert set(_system(outcome)) == {"libc6", "libstdc++6"}


def test_a_package_that_the_manifest_takes_over_is_no_longer_the_wheels(world: World) -> None:
    world.lock("cv", policy="add")

    outcome = world.lock("cv", policy="warn", packages=("libgl1",))

    assert _system(outcome)["libgl1"].roles == ("requested",)
    assert _system(outcome)["libgl1"].note is None


def test_error_refuses_with_every_gap_and_one_fix(world: World) -> None:
    with pytest.raises(NoSolutionError) as refused:
        world.lock("cv", "parallel", policy="error")

    assert refused.value.slug == "native-library"
    assert "cv 4.0 needs libGL.so.1: add libgl1 (linux-x86_64)" in refused.value.why
    assert refused.value.fix[0] == 'add "libfirst", "libgl1" to packages in [system]'
    assert not (world.folder / "lockenv.lock").exists()


def test_a_lock_with_gaps_does_not_pass_once_the_policy_is_error(world: World) -> None:
    outcome = world.lock("cv")

    (finding,) = native_findings(world.project("cv", policy="error"), outcome.lock)

    assert finding.severity == "error"
    with pytest.raises(NoSolutionError):
        world.lock("cv", policy="error")


def test_off_reads_no_wheel_and_finds_nothing(world: World) -> None:
    outcome = world.lock("cv", policy="off")

    assert _gaps(outcome) == ()
    assert native_findings(world.project("cv", policy="off"), world.lock("cv").lock) == []


def test_the_package_in_the_section_for_libraries_is_named(world: World) -> None:
    assert _gaps(world.lock("odd")) == (
        "odd 4.0 needs libhidden.so.1, which no package of stable has",
        "odd 4.0 needs libodd.so.2: add libodd2",
    )


def test_prefer_decides_between_packages_with_the_same_library(world: World) -> None:
    first = world.lock("parallel", policy="add")
    (world.folder / "lockenv.lock").unlink()
    preferred = world.lock("parallel", prefer=("libsecond",), policy="add")

    assert "libfirst" in _system(first)
    assert "libsecond" in _system(preferred)


def test_any_locked_package_that_has_the_library_will_do(world: World) -> None:
    assert _gaps(world.lock("parallel", packages=("libsecond",))) == ()


def test_a_library_that_code_opens_by_name_is_needed_too(world: World) -> None:
    (gap,) = _gaps(world.lock("sounddevice"))

    assert gap.startswith("sounddevice 0.5 needs libportaudio.so.2")


def test_what_is_built_from_an_sdist_needs_what_it_will_link(world: World) -> None:
    world.index.publish(witness_wheel(), source_package("psycopg2", "2.9", static=True))
    allowed = ('policy.sdist = "allow"',)

    (gap,) = _gaps(world.lock("psycopg2", more=allowed))

    assert gap == "psycopg2 2.9 needs libpq.so.5: add libpq5"
    assert "libpq5" in _system(world.lock("psycopg2", policy="add", more=allowed))
    # Without a system nothing is known of where it will be built.
    assert _gaps(world.lock("psycopg2", policy="error", more=allowed, system=False)) == ()


def test_nothing_is_looked_at_where_the_shipped_table_settles_it(world: World) -> None:
    world.lock("cv", packages=("libgl1",))

    assert not list((world.folder / "cache").rglob("*sonames*"))


def test_without_a_system_only_error_holds_wheels_to_what_their_tags_allow(world: World) -> None:
    assert _gaps(world.lock("odd", system=False)) == ()
    world.lock("cv", policy="error", system=False)
    with pytest.raises(NoSolutionError) as refused:
        world.lock("odd", policy="error", system=False)
    assert "odd 4.0 needs libhidden.so.1, libodd.so.2 (linux-x86_64)" in refused.value.why


def test_an_ignored_gap_is_recorded_and_counts_for_nothing(world: World) -> None:
    ignored = 'ignore = [{ code = "LE403", package = "cv", reason = "the host has it" }]'

    outcome = world.lock("cv", policy="error", more=(ignored,))

    assert _gaps(outcome) == ("cv 4.0 needs libGL.so.1: add libgl1",)
    assert not [note for note in outcome.notes if "libgl1" in note]
    added = world.lock("cv", policy="add", more=(ignored,))
    assert "libgl1" not in _system(added)


def test_contents_that_cannot_be_had_cost_a_warning_its_look_and_no_more(world: World) -> None:
    world.lose_contents()

    outcome = world.lock("cv")

    assert any("missing libraries were not looked for" in note for note in outcome.notes)
    assert outcome.lock.targets[0].native_libraries == ()


def test_what_was_known_of_gaps_stays_where_contents_cannot_be_had(world: World) -> None:
    known = world.lock("cv").lock.targets[0].native_libraries
    assert known
    world.lose_contents()
    shutil.rmtree(world.folder / "cache")

    outcome = world.lock("cv", "pure")

    assert outcome.lock.targets[0].native_libraries == known


@pytest.mark.parametrize("policy", ["add", "error"])
def test_contents_that_cannot_be_had_stop_who_relies_on_them(world: World, policy: str) -> None:
    world.lose_contents()

    with pytest.raises(NetworkError):
        world.lock("cv", policy=policy)

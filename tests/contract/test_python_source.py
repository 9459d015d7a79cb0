"""One set of assertions about the Python source, through every way in which an index answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from lockenv.errors import (
    ExternalError,
    InputError,
    IntegrityError,
    NetworkError,
    UnavailableError,
)
from lockenv.fetch import FetchOptions, Patience, StoreFetcher, open_fetcher
from lockenv.model import DEFAULT_LEVELS, PLATFORMS, Index, Origin, Progress, SourceRule, Target
from lockenv.resolve import Identifier, UnusableCandidateError
from lockenv.sources.python import (
    Pin,
    PythonCandidate,
    PythonRequest,
    PythonSource,
    SourceTree,
    pin,
)
from tests.support.index_server import Fault, IndexServer, serve_index
from tests.support.wheels import Built, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = Patience(attempts=2, first=0.01, read=5.0)
ORIGIN = Origin("pyproject.toml")


@dataclass(slots=True)
class World:
    """An index and a store."""

    index: IndexServer
    fetcher: StoreFetcher

    def source(self, target: Target | None = None, **request: object) -> PythonSource:
        """A source on this world for linux-x86_64 and CPython 3.11.7."""
        asked: dict[str, object] = {"indexes": (Index(name="here", url=self.index.url),), **request}
        return PythonSource(
            self.fetcher,
            target or make_target(),
            PythonRequest(**asked),  # type: ignore[arg-type]  # a builder passes on what it is told
        )


def make_target(platform: str = "linux-x86_64", python: str = "3.11.7") -> Target:
    kind = PLATFORMS[platform]
    return Target(name="t", platform=kind, python=python, level=DEFAULT_LEVELS[kind.libc])


WAYS = {
    "json and metadata files": {},
    "json and ranges": {"core_metadata": False},
    "json, unhashed metadata": {"core_metadata": "unhashed"},
    "html and downloads": {"answers": "html", "core_metadata": False, "ranges": False},
    "html and late ranges": {"answers": "html", "core_metadata": False, "suffix_ranges": False},
    "relative html": {"answers": "html", "relative": True},
}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with serve_index() as index, open_fetcher(tmp_path, FetchOptions(patience=QUICK)) as fetcher:
        for switch, value in request.param.items():
            setattr(index, switch, value)
        yield World(index, fetcher)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[World]:
    with serve_index() as index, open_fetcher(tmp_path, FetchOptions(patience=QUICK)) as fetcher:
        yield World(index, fetcher)


def offers(source: PythonSource, *lines: str) -> list[str]:
    """The versions of the candidates for the last identifier of some requirement lines."""
    asked = [one for line in lines for one in source.asked(line)]
    identifier = asked[-1].identifier
    same = [one for one in asked if one.identifier == identifier]
    return [one.version_text for one in source.candidates(identifier, same)]


def best(source: PythonSource, line: str) -> PythonCandidate:
    asked = source.asked(line)[-1]
    return next(source.candidates(asked.identifier, (asked,)))


def asks(source: PythonSource, candidate: PythonCandidate) -> list[str]:
    return sorted(str(one) for one in source.requirements(candidate))


# -- through every way -----------------------------------------------------------------------------


def test_versions_come_newest_first(world: World) -> None:
    world.index.publish(*(wheel("demo", version) for version in ("1.9", "1.10", "1!0.1", "1.2")))

    assert offers(world.source(), "demo") == ["1!0.1", "1.10", "1.9", "1.2"]


def test_an_unknown_name_has_no_candidates(world: World) -> None:
    source = world.source()

    assert offers(source, "nobody") == []
    assert source.rejections(Identifier("pypi", "nobody")) == ()


def test_requirements_are_those_that_hold_on_the_target(world: World) -> None:
    world.index.publish(
        wheel(
            "demo",
            "1.0",
            requires=[
                "Base_Pkg>=2",
                "win; sys_platform == 'win32'",
                "old; python_version < '3.11'",
                "new (>=1,<2) ; python_version >= '3.11'",
            ],
            padding=200_000,
        )
    )
    source = world.source()

    assert asks(source, best(source, "demo")) == ["base-pkg>=2", "new<2,>=1"]


def test_an_extra_asks_for_the_same_version_and_for_more(world: World) -> None:
    world.index.publish(
        wheel("demo", "1.0", requires=["base"], extras={"Fast_Mode": ["speed[c]>1", "base"]})
    )
    source = world.source()
    candidate = best(source, "demo[fast-mode]")

    assert candidate.identifier == Identifier("pypi", "demo", "fast-mode")
    assert asks(source, candidate) == ["base", "demo==1.0", "speed>1", "speed[c]>1"]


def test_an_extra_that_a_candidate_lacks_rejects_it(world: World) -> None:
    world.index.publish(wheel("demo", "1.0", extras={"a": ["x"]}))
    source = world.source()

    with pytest.raises(UnusableCandidateError, match="no extra b"):
        source.requirements(best(source, "demo[b]"))


def test_the_lock_says_digest_size_and_address(world: World) -> None:
    built = wheel("demo", "1.0", requires_python=">=3.8")
    world.index.publish(built, upload_time="2026-01-02T03:04:05.678Z")
    source = world.source()

    package = pin(source, best(source, "demo").release)

    (artifact,) = package.wheels
    assert artifact.digest.hex == built.sha256
    assert artifact.size == len(built.data)
    assert artifact.url == f"{world.index.root}/files/{built.filename}"
    assert artifact.upload_time == "2026-01-02T03:04:05Z"
    assert (package.version, package.index) == ("1.0", world.index.url)
    assert package.requires_python == ">=3.8"


def test_the_best_wheel_is_by_tag_then_by_build_number(world: World) -> None:
    world.index.publish(
        wheel("demo", "1.0", tag="py3-none-any"),
        wheel("demo", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"),
        wheel("demo", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64", build="2"),
        wheel("demo", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64", build="10"),
        wheel("demo", "1.0", tag="cp311-cp311-manylinux_2_34_x86_64"),
        wheel("demo", "1.0", tag="cp311-cp311-win_amd64"),
    )

    chosen = best(world.source(), "demo").release.file.filename

    assert chosen == "demo-1.0-10-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_requires_python_of_the_page_counts_with_its_upper_bound(world: World) -> None:
    world.index.publish(wheel("demo", "3.0"), requires_python=">=3.12")
    world.index.publish(wheel("demo", "2.0"), requires_python=">=3.8,<3.11.7")
    world.index.publish(wheel("demo", "1.0"), requires_python="<3.12")

    assert offers(world.source(), "demo") == ["1.0"]


def test_yanked_files_are_for_exact_asks_alone(world: World) -> None:
    world.index.publish(wheel("demo", "1.0"), wheel("demo", "2.0rc1"))
    world.index.publish(wheel("demo", "2.0"), yanked="broken")
    source = world.source()

    assert offers(source, "demo") == ["1.0"]
    assert offers(source, "demo==2.*") == ["2.0rc1"]
    assert offers(source, "demo==2.0") == ["2.0"]
    assert offers(source, "demo>=1", "demo===2.0") == ["2.0"]


def test_files_after_the_date_do_not_exist(world: World) -> None:
    world.index.publish(wheel("demo", "1.0"), upload_time="2026-01-01T00:00:00Z")
    world.index.publish(wheel("demo", "1.0", build="1"), upload_time="2026-03-01T00:00:00Z")
    world.index.publish(wheel("demo", "2.0"), upload_time="2026-02-01T00:00:01Z")
    source = world.source(as_of="2026-02-01T00:00:00Z")

    assert offers(source, "demo") == ["1.0"]
    assert best(source, "demo").release.file.filename == "demo-1.0-py3-none-any.whl"
    (rejected,) = source.rejections(Identifier("pypi", "demo"))
    assert rejected.version == "2.0"
    assert "after as-of" in rejected.reason


def test_metadata_of_another_package_reject_the_candidate(world: World) -> None:
    lying = wheel("other", "1.0", metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 9\n\n")
    world.index.publish(
        Built("demo-1.0-py3-none-any.whl", _renamed(lying), lying.metadata),
    )
    source = world.source()

    with pytest.raises(UnusableCandidateError):
        source.requirements(best(source, "demo"))


def test_where_nothing_else_serves_a_wrong_version_inside_is_an_integrity_error(
    world: World,
) -> None:
    metadata = b"Metadata-Version: 2.1\nName: demo\nVersion: 9.0\n\n"
    world.index.publish(wheel("demo", "1.0", metadata=metadata))
    source = world.source()
    lying = best(source, "demo")

    with pytest.raises(UnusableCandidateError) as caught:
        source.requirements(lying)
    with pytest.raises(IntegrityError) as refused:
        source.refuse_misnamed([lying])

    assert caught.value.reason == "demo-1.0-py3-none-any.whl: its metadata are of demo 9.0"
    assert refused.value.slug == "metadata-mismatch"


def test_metadata_that_cannot_be_read_reject_the_candidate(world: World) -> None:
    world.index.publish(wheel("demo", "2.0", requires=["not a requirement !"]))
    world.index.publish(wheel("demo", "1.0", metadata=b"no header at all"))
    source = world.source()
    first, second = source.candidates(Identifier("pypi", "demo"), ())

    with pytest.raises(UnusableCandidateError, match="not a requirement"):
        source.requirements(first)
    with pytest.raises(UnusableCandidateError, match="has no Name"):
        source.requirements(second)


def test_the_second_source_on_a_store_asks_for_nothing(world: World) -> None:
    world.index.publish(wheel("demo", "1.0", requires=["base"]), wheel("base", "1.0"))
    with open_fetcher(world.fetcher.store.root) as early:
        first = World(world.index, early).source()
        for line in ("demo", "base"):
            asks(first, best(first, line))
            pin(first, best(first, line).release)
    world.index.forget()

    again = world.source()
    for line in ("demo", "base"):
        asks(again, best(again, line))
        pin(again, best(again, line).release)

    assert [one for one in world.index.log if one.method == "GET"] == []


def _renamed(built: Built) -> bytes:
    return built.data


# -- choice, on the usual index --------------------------------------------------------------------


def test_pre_releases_come_only_if_nothing_else_fits(plain: World) -> None:
    plain.index.publish(*(wheel("demo", one) for one in ("1.0", "2.0b1", "2.0.dev3")))
    source = plain.source()

    assert offers(source, "demo") == ["1.0"]
    assert offers(source, "demo>1.0") == ["2.0b1", "2.0.dev3"]
    assert offers(source, "demo>=2.0a1") == ["2.0b1"]
    # An exclusive bound keeps pre-releases out; it is how many cap a major (grpcio<2.0.dev0).
    assert offers(plain.source(), "demo<3.0.dev0") == ["1.0"]
    assert offers(plain.source(), "demo<3.0.dev0,>=1.1") == ["2.0b1", "2.0.dev3"]
    assert offers(plain.source(prerelease="allow"), "demo") == ["2.0b1", "2.0.dev3", "1.0"]
    assert offers(plain.source(prerelease="deny"), "demo>1.0") == []
    named = plain.source(prerelease_names=frozenset({"demo"}))
    assert offers(named, "demo") == ["2.0b1", "2.0.dev3", "1.0"]


def test_a_final_release_without_a_fitting_file_does_not_hide_pre_releases(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0", tag="cp311-cp311-win_amd64"), wheel("demo", "2.0b1"))

    assert offers(plain.source(), "demo") == ["2.0b1"]


def test_local_versions_and_arbitrary_equality(plain: World) -> None:
    plain.index.publish(*(wheel("demo", one) for one in ("1.0", "1.0+cpu", "1.0.post1", "1.0.1")))
    source = plain.source()

    assert offers(source, "demo==1.0") == ["1.0+cpu", "1.0"]
    assert offers(source, "demo==1.0+cpu") == ["1.0+cpu"]
    assert offers(source, "demo===1.0") == ["1.0"]
    assert offers(source, "demo~=1.0.0") == ["1.0.1", "1.0.post1", "1.0+cpu", "1.0"]


def test_an_extra_asks_for_exactly_the_same_local_version(plain: World) -> None:
    plain.index.publish(
        wheel("demo", "1.0", extras={"x": []}), wheel("demo", "1.0+cpu", extras={"x": []})
    )
    source = plain.source()
    older = list(source.candidates(Identifier("pypi", "demo", "x"), ()))[-1]
    (same,) = source.requirements(older)

    assert older.version_text == "1.0"
    assert [one.version_text for one in source.candidates(same.identifier, (same,))] == ["1.0"]


def test_pins_come_first_where_they_satisfy(plain: World) -> None:
    plain.index.publish(*(wheel("demo", one) for one in ("1.0", "1.1", "1.2", "1.3")))
    source = plain.source(pins={"demo": Pin("1.1")}, aligned={"demo": ("1.2",)})

    assert offers(source, "demo") == ["1.1", "1.2", "1.3", "1.0"]
    assert offers(source, "demo>1.1") == ["1.2", "1.3"]


def test_the_locked_file_stays_though_a_better_one_was_added(plain: World) -> None:
    old = wheel("demo", "1.0")
    plain.index.publish(old, wheel("demo", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64"))
    kept = plain.source(pins={"demo": Pin("1.0", frozenset({f"sha256:{old.sha256}"}))})

    assert best(kept, "demo").release.file.filename == old.filename
    assert best(plain.source(), "demo").release.file.filename != old.filename


def test_a_locked_version_stays_though_it_was_yanked(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0"))
    plain.index.publish(wheel("demo", "2.0"), yanked="")

    assert offers(plain.source(pins={"demo": Pin("2.0")}), "demo") == ["2.0", "1.0"]


def test_lowest_turns_the_order_round(plain: World) -> None:
    for name in ("demo", "base"):
        plain.index.publish(*(wheel(name, one) for one in ("1.0", "1.1", "1.2rc1")))

    assert offers(plain.source(resolution="lowest"), "demo") == ["1.0", "1.1"]
    direct = plain.source(resolution="lowest-direct", direct_names=frozenset({"demo"}))
    assert offers(direct, "demo") == ["1.0", "1.1"]
    assert offers(direct, "base") == ["1.1", "1.0"]


def test_constraints_limit_overrides_replace_and_exclusions_remove(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0", requires=["base>=5", "gone", "kept"]))
    plain.index.publish(*(wheel("base", one) for one in ("1.0", "2.0", "5.0")))
    source = plain.source(
        constraints=(Requirement("base!=2.0"), Requirement("demo<0; sys_platform == 'win32'")),
        overrides=(Requirement("base<3"),),
        exclude=frozenset({"gone"}),
    )

    assert asks(source, best(source, "demo")) == ["base<3", "kept"]
    assert offers(source, "base>=5") == ["1.0"]


def test_allowed_and_denied_packages(plain: World) -> None:
    plain.index.publish(*(wheel("demo", one) for one in ("1.0", "2.0")), wheel("other", "1"))
    source = plain.source(allow=(Requirement("demo"),), deny=(Requirement("demo>=2"),))

    assert offers(source, "demo") == ["1.0"]
    assert offers(source, "other") == []
    assert (
        source.rejections(Identifier("pypi", "other"))[0].reason == "policy.allow does not name it"
    )


def test_young_files_wait_unless_they_are_exempt(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0"), upload_time="2026-01-01T00:00:00Z")
    plain.index.publish(
        wheel("demo", "1.1"), wheel("demo", "1.2"), upload_time="2026-02-02T00:00:00Z"
    )
    source = plain.source(
        released_before="2026-02-01T00:00:00Z", exempt=(Requirement("demo==1.1"),)
    )

    assert offers(source, "demo") == ["1.1", "1.0"]


def test_an_index_without_upload_times_is_a_choice_of_the_users(plain: World) -> None:
    plain.index.upload_times = False
    plain.index.publish(wheel("demo", "1.0"))
    lax = Index(name="here", url=plain.index.url, upload_time="ignore")

    with pytest.raises(InputError) as caught:
        offers(plain.source(as_of="2026-02-01T00:00:00Z"), "demo")

    assert caught.value.slug == "no-upload-times"
    assert offers(plain.source(as_of="2026-02-01T00:00:00Z", indexes=(lax,)), "demo") == ["1.0"]


def test_a_release_without_a_fitting_wheel_says_what_there_is(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0", tag="cp311-cp311-win_amd64"))
    source = plain.source()

    assert offers(source, "demo") == []
    (rejected,) = source.rejections(Identifier("pypi", "demo"))
    assert "demo-1.0-cp311-cp311-win_amd64.whl" in rejected.reason
    assert "cp311-cp311-manylinux_2_28_x86_64" in rejected.reason


def test_a_quarantined_project_has_no_candidates(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0"))
    plain.index.status["demo"] = ("quarantined", "malware")

    assert offers(plain.source(), "demo") == []


def test_requires_python_inside_the_wheel_counts_too(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0", requires_python=">=3.12"))
    source = plain.source()

    with pytest.raises(UnusableCandidateError, match=r"needs Python >=3\.12"):
        source.requirements(best(source, "demo"))


# -- source distributions --------------------------------------------------------------------------


def test_an_sdist_is_a_candidate_only_where_policy_allows_it(plain: World) -> None:
    plain.index.publish(wheel("demo", "1.0"), sdist("demo", "2.0", requires=["base"]))
    source = plain.source(sdist_by_package={"demo": "allow"})

    assert offers(plain.source(), "demo") == ["1.0"]
    assert offers(source, "demo") == ["2.0", "1.0"]
    assert asks(source, best(source, "demo")) == ["base"]
    assert pin(source, best(source, "demo").release).sdist is not None


def test_a_static_pyproject_speaks_for_an_old_sdist(plain: World) -> None:
    pyproject = """
        [project]
        name = "demo"
        dynamic = ["version"]
        dependencies = ["base>1"]
        [project.optional-dependencies]
        x = ["more; sys_platform == 'linux'"]
    """
    plain.index.publish(sdist("demo", "2.0", metadata_version="2.1", pyproject=pyproject))
    source = plain.source(sdist="allow")

    assert asks(source, best(source, "demo[x]")) == ["demo==2.0", "more"]
    assert asks(source, best(source, "demo")) == ["base>1"]


def test_a_dynamic_sdist_needs_its_backend(plain: World) -> None:
    plain.index.publish(sdist("demo", "2.0", dynamic=["Requires-Dist"]))
    source = plain.source(sdist="allow")

    with pytest.raises(UnusableCandidateError, match="only a build"):
        source.requirements(best(source, "demo"))


def test_a_backend_that_is_plugged_in_is_asked(plain: World) -> None:
    plain.index.publish(sdist("demo", "2.0", dynamic=["Requires-Dist"]))
    asked: list[str] = []

    def build(name: str, tree: SourceTree) -> bytes:
        asked.append(f"{name} {tree.path.is_file()}")
        return b"Metadata-Version: 2.1\nName: demo\nVersion: 2.0\nRequires-Dist: built\n\n"

    here = Index(name="here", url=plain.index.url)
    source = PythonSource(
        plain.fetcher,
        make_target(),
        PythonRequest(indexes=(here,), sdist="allow"),
        sdist_metadata=build,
    )

    assert asks(source, best(source, "demo")) == ["built"]
    assert asked == ["demo True"]


def fails(name: str, tree: SourceTree) -> bytes:
    raise ExternalError("build-failed", f"{name} lacks a library ({tree.filename})")


def source_that_cannot_build(world: World, told: list[str]) -> PythonSource:
    world.index.publish(sdist("demo", "2.0", dynamic=["Requires-Dist"]))
    here = Index(name="here", url=world.index.url)
    return PythonSource(
        world.fetcher,
        make_target(),
        PythonRequest(indexes=(here,), sdist="allow"),
        sdist_metadata=fails,
        progress=Told(told),
    )


class Told(Progress):
    """Progress that keeps the notes."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def note(self, text: str) -> None:
        self._notes.append(text)


def test_what_cannot_be_built_here_asks_for_what_its_wheels_for_others_ask(plain: World) -> None:
    told: list[str] = []
    source = source_that_cannot_build(plain, told)
    for tag in ("cp312-cp312-win_amd64", "cp312-cp312-macosx_11_0_arm64"):
        plain.index.publish(wheel("demo", "2.0", requires=["base"], tag=tag))

    assert asks(source, best(source, "demo")) == ["base"]
    assert ["could not be built here" in one for one in told] == [True]


@pytest.mark.parametrize("others", [(), (["base"], ["base", "more"])])
def test_a_build_that_fails_is_told_where_no_wheels_agree(
    plain: World, others: tuple[list[str], ...]
) -> None:
    source = source_that_cannot_build(plain, [])
    tags = ("cp312-cp312-win_amd64", "cp312-cp312-macosx_11_0_arm64")
    for tag, requires in zip(tags, others, strict=False):
        plain.index.publish(wheel("demo", "2.0", requires=requires, tag=tag))

    with pytest.raises(ExternalError, match="lacks a library"):
        source.requirements(best(source, "demo"))


# -- indexes ---------------------------------------------------------------------------------------


def test_the_first_index_that_knows_a_name_serves_it_alone(plain: World) -> None:
    with serve_index() as public:
        plain.index.publish(wheel("demo", "1.0"))
        public.publish(wheel("demo", "9.0"), wheel("other", "9.0"))
        both = (Index(name="own", url=plain.index.url), Index(name="public", url=public.url))
        source = plain.source(indexes=both)

        assert offers(source, "demo") == ["1.0"]
        assert offers(source, "other") == ["9.0"]
        assert public.asked("GET", "/simple/demo/") == 0


@pytest.mark.parametrize(
    ("status", "error"), [(401, UnavailableError), (403, UnavailableError), (500, NetworkError)]
)
def test_an_index_in_trouble_is_never_passed_over(
    plain: World, status: int, error: type[Exception]
) -> None:
    with serve_index() as public:
        public.publish(wheel("demo", "9.0"))
        plain.index.faults["/simple/demo/"] = [Fault(status=status, lasting=True)]
        both = (Index(name="own", url=plain.index.url), Index(name="public", url=public.url))

        with pytest.raises(error):
            offers(plain.source(indexes=both), "demo")

        assert public.log == []


def test_an_explicit_index_serves_only_what_names_it(plain: World) -> None:
    with serve_index() as special:
        special.publish(wheel("demo", "1.0+special"), wheel("other", "1.0+special"))
        plain.index.publish(wheel("demo", "2.0"), wheel("other", "2.0"))
        source = plain.source(
            indexes=(
                Index(name="special", url=special.url, explicit=True),
                Index(name="public", url=plain.index.url),
            ),
            rules={"demo": SourceRule(package="demo", index="special", origin=ORIGIN)},
        )

        assert offers(source, "demo") == ["1.0+special"]
        assert offers(source, "other") == ["2.0"]


@pytest.mark.parametrize("where", ["server", "folder"])
def test_a_flat_index_is_one_page_or_one_folder(plain: World, tmp_path: Path, where: str) -> None:
    built = wheel("demo", "1.0", requires=["base"])
    plain.index.publish(built, wheel("other", "2.0"))
    built.write(tmp_path / "flat")
    url = plain.index.flat_url if where == "server" else (tmp_path / "flat").as_uri()
    source = plain.source(indexes=(Index(name="flat", url=url, format="flat"),))

    assert offers(source, "demo") == ["1.0"]
    assert asks(source, best(source, "demo")) == ["base"]
    package = pin(source, best(source, "demo").release)
    assert package.wheels[0].digest.hex == built.sha256
    assert (package.wheels[0].url is None) == (where == "folder")


@pytest.mark.parametrize("algorithm", [None, "md5", "sha512"])
def test_without_a_sha256_the_file_is_fetched_and_hashed(
    plain: World, algorithm: str | None
) -> None:
    built = wheel("demo", "1.0")
    plain.index.hashes = algorithm
    plain.index.publish(built)
    source = plain.source()

    assert pin(source, best(source, "demo").release).wheels[0].digest.hex == built.sha256


def test_a_file_that_is_not_what_its_weak_hash_says_is_refused(plain: World) -> None:
    built = wheel("demo", "1.0")
    plain.index.hashes = "md5"
    plain.index.publish(built)
    plain.index.faults[f"/files/{built.filename}"] = [Fault(body=b"other", lasting=True)]
    source = plain.source()

    with pytest.raises(IntegrityError):
        pin(source, best(source, "demo").release)


def test_a_lying_metadata_file_is_refused(plain: World) -> None:
    plain.index.core_metadata = "lying"
    plain.index.publish(wheel("demo", "1.0"))
    source = plain.source()

    with pytest.raises(IntegrityError) as caught:
        source.requirements(best(source, "demo"))

    assert caught.value.slug == "digest-mismatch"


def test_a_metadata_file_that_is_not_there_is_made_up_for(plain: World) -> None:
    built = wheel("demo", "1.0", requires=["base"])
    plain.index.publish(built)
    plain.index.faults[f"/files/{built.filename}.metadata"] = [Fault(status=404, lasting=True)]
    source = plain.source()

    assert asks(source, best(source, "demo")) == ["base"]


@pytest.mark.parametrize(
    "body", [b"<html><body>Sign in</body></html>", b'<html><a href="/login">in</a></html>']
)
def test_an_error_page_with_status_200_is_no_empty_project(plain: World, body: bytes) -> None:
    plain.index.pages["/simple/demo/"] = ("text/html", body)

    with pytest.raises(UnavailableError) as caught:
        offers(plain.source(), "demo")

    assert caught.value.slug == "not-an-index-page"


def test_a_page_of_another_content_type_is_refused(plain: World) -> None:
    plain.index.pages["/simple/demo/"] = ("application/pdf", b"%PDF")

    with pytest.raises(UnavailableError, match="no page of a Python index"):
        offers(plain.source(), "demo")


# -- certain places --------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["server", "file", "path"])
def test_a_wheel_from_a_certain_place(plain: World, tmp_path: Path, where: str) -> None:
    built = wheel("demo", "1.0", requires=["base"])
    path = built.write(tmp_path / "given")
    plain.index.publish(built, wheel("demo", "2.0"))
    url = f"{plain.index.root}/files/{built.filename}" if where == "server" else path.as_uri()
    rule = SourceRule(package="demo", path=f"given/{built.filename}", origin=ORIGIN)
    rules = {"demo": rule} if where == "path" else {}
    source = plain.source(rules=rules, root=tmp_path)
    line = "demo" if where == "path" else f"demo @ {url}"

    candidate = best(source, line)
    package = pin(source, candidate.release)

    assert offers(source, line) == ["1.0"]
    assert offers(source, line, "demo>=1") == ["1.0"]
    assert offers(source, "demo>1", line) == []
    assert asks(source, candidate) == ["base"]
    assert all(source.satisfies(one, candidate) for one in source.asked(line))
    assert package.archive is not None
    assert package.archive.digest.hex == built.sha256
    assert package.index is None
    # A file below the project is named from there: no lock holds a path of one machine.
    assert package.archive_path == (None if where == "server" else rule.path)


def test_two_places_for_one_name_have_no_candidate(plain: World, tmp_path: Path) -> None:
    one = wheel("demo", "1.0").write(tmp_path / "a").as_uri()
    two = wheel("demo", "1.0").write(tmp_path / "b").as_uri()

    assert offers(plain.source(), f"demo @ {one}", f"demo @ {two}") == []


def test_a_source_folder_with_static_metadata(plain: World, tmp_path: Path) -> None:
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "lib"\nversion = "0.3"\ndependencies = ["base"]\n'
    )
    rule = SourceRule(package="lib", path="lib", editable=True, origin=ORIGIN)
    source = plain.source(rules={"lib": rule}, root=tmp_path)
    candidate = best(source, "lib")
    package = pin(source, candidate.release)

    assert candidate.version_text == "0.3"
    assert asks(source, candidate) == ["base"]
    assert package.version is None
    assert package.directory is not None
    assert (package.directory.path, package.directory.editable) == ("lib", True)


@pytest.mark.parametrize(
    "line",
    [
        "demo @ https://example.com/other-1.0-py3-none-any.whl",
        "demo @ https://example.com/demo-1.0-cp39-cp39-win_amd64.whl",
        "demo @ ftp://example.com/demo-1.0-py3-none-any.whl",
        "demo @ file:///nowhere/demo-1.0-py3-none-any.whl",
    ],
)
def test_a_place_that_cannot_serve_is_the_users_to_correct(plain: World, line: str) -> None:
    with pytest.raises(InputError) as caught:
        offers(plain.source(), line)

    assert caught.value.slug == "unusable-address"


# -- ahead -----------------------------------------------------------------------------------------


def test_the_closure_is_followed_ahead_of_the_search(plain: World) -> None:
    plain.index.publish(
        wheel("a", "1", requires=["b>=1"]), wheel("b", "1", requires=["c"]), wheel("c", "1")
    )
    source = plain.source()

    source.requirements(best(source, "a"))
    plain.fetcher.soon(lambda: None).result()
    requirement = source.asked("c")[0]
    list(source.candidates(requirement.identifier, (requirement,)))

    assert plain.index.asked("GET", "/simple/c/") == 1


@pytest.mark.network
def test_the_default_index_answers(tmp_path: Path) -> None:
    from lockenv.tables.addresses import PYTHON_INDEX  # noqa: PLC0415 - for this test alone

    with open_fetcher(tmp_path) as fetcher:
        default = Index(name="default", url=PYTHON_INDEX)
        source = PythonSource(
            fetcher, make_target(), PythonRequest(indexes=(default,), as_of="2025-06-15T00:00:00Z")
        )
        candidate = best(source, "requests[socks]>=2.30")

        assert candidate.version_text == "2.32.4"
        assert "pysocks!=1.5.7,>=1.5.6" in asks(source, candidate)
        package = pin(source, candidate.release)
        assert package.wheels[0].size == 64847

"""Deliberate drifts, one table: what is done, what `check` must find, and its exit status.

Each row is a story of one act on a project that is clean before it; each layer has a row in which
nothing is done. Images (LE501 to LE505) have their table in test_image_drifts.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockenv.lockfile import canonical, parse_lock, regrouped, render_lock
from lockenv.model import (
    FINDING_CODES,
    ArchiveState,
    CudaFacts,
    LockedBaseImage,
    LockedPackage,
    LockedSystemPackage,
)
from lockenv.tables.addresses import DEBIAN, DROPPING_INDEXES
from lockenv.values import dataclass, replace
from tests.support.commands import User, snapshot
from tests.support.fake_driver import FakeDriver, build_libcuda, build_nvml
from tests.support.index_server import serve_index
from tests.support.locks import digest_of, file
from tests.support.projects import OTHER, PLATFORM, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockenv.model import Lock
    from tests.support.index_server import IndexServer

    Act = Callable[[User, IndexServer], object]
    Facts = dict[str, str | tuple[str, ...]]

SYSTEM = """
[tool.lockenv.system]
distribution = "debian"
suite = "bookworm"
packages = ["hello"]
"""
IMAGE = "\n[tool.lockenv.image]\nbase = 'registry.example.com/debian:12'\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One drift: the act, the codes that are found (warnings too), the status."""

    act: Act
    codes: frozenset[str] = frozenset()
    status: int = 0


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    with serve_index() as server:
        for version in ("1.0", "2.0"):
            server.publish(wheel("lib", version, requires=["base"]))
        server.publish(wheel("base", "1.0"), wheel("tool", "1.0"))
        yield server


def manifest(index: IndexServer, **parts: object) -> str:
    """The clean project's manifest, with some of its parts otherwise."""
    given: dict[str, object] = {"dependencies": ["lib>=1"], "groups": {"dev": ["tool"]}}
    given |= parts
    return pyproject(index, **given)  # type: ignore[arg-type]  # parts by name


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, index: IndexServer) -> User:
    """A project that is locked and synced, and that every row leaves as it was."""
    user = User(tmp_path_factory.mktemp("clean"))
    user.write("pyproject.toml", manifest(index))
    user.lockenv("lock")
    user.lockenv("sync")
    return user


@pytest.fixture
def project(clean: User) -> Iterator[User]:
    kept = {name: clean.read(name) for name in ("pyproject.toml", "lockenv.lock")}
    yield clean
    for name, text in kept.items():
        clean.write(name, text)
    clean.variables.pop("LD_LIBRARY_PATH", None)
    shutil.rmtree(clean.folder / "exported", ignore_errors=True)


def asks(**parts: object) -> Act:
    """The manifest says something else."""
    return lambda user, index: user.write("pyproject.toml", manifest(index, **parts))


def says(old: str, new: str) -> Act:
    """The lock's text is changed by hand."""

    def act(user: User, _: IndexServer) -> None:
        text = user.read("lockenv.lock")
        assert old in text
        user.write("lockenv.lock", text.replace(old, new, 1))

    return act


def holds(change: Callable[[Lock], Lock], **parts: object) -> Act:
    """The lock holds something else, written as lockenv writes it."""

    def act(user: User, index: IndexServer) -> None:
        if parts:
            user.write("pyproject.toml", manifest(index, **parts))
            user.lockenv("lock", "--offline")
        lock = change(parse_lock(user.read("lockenv.lock")))
        user.write("lockenv.lock", render_lock(canonical(lock)))

    return act


# -- changes of a lock -----------------------------------------------------------------------------


def _package(name: str, change: Callable[[LockedPackage], LockedPackage]) -> Callable[[Lock], Lock]:
    def on(lock: Lock) -> Lock:
        packages = tuple(change(one) if one.name == name else one for one in lock.packages)
        assert packages != lock.packages
        return replace(lock, packages=packages)

    return on


def _without(name: str) -> Callable[[Lock], Lock]:
    return lambda lock: replace(
        lock, packages=tuple(one for one in lock.packages if one.name != name)
    )


def _with(*more: str) -> Callable[[Lock], Lock]:
    """More packages, asked for by ``lib``, as if the index had them."""

    def on(lock: Lock) -> Lock:
        index = next(one.index for one in lock.packages if one.name == "lib")
        targets = tuple(target.name for target in lock.targets)
        added = []
        for text in more:
            name, _, version = text.partition("==")
            artifact = file(f"{name.replace('-', '_')}-{version}-py3-none-any.whl", *targets)
            added.append(
                LockedPackage(
                    name=name,
                    version=version,
                    index=index,
                    wheels=(replace(artifact, url=None),),
                    targets=targets,
                )
            )
        asked = _package("lib", lambda one: replace(one, dependencies=(*one.dependencies, *more)))(
            lock
        )
        return regrouped(replace(asked, packages=(*asked.packages, *added)))

    return on


def _cuda(needs: Facts, declared: Facts | None = None) -> Callable[[Lock], Lock]:
    def on(lock: Lock) -> Lock:
        facts = CudaFacts(declared=declared or {}, needs=needs)
        return replace(lock, targets=tuple(replace(one, cuda=facts) for one in lock.targets))

    return on


def _then(*changes: Callable[[Lock], Lock]) -> Callable[[Lock], Lock]:
    def on(lock: Lock) -> Lock:
        for change in changes:
            lock = change(lock)
        return lock

    return on


def _requesting(*lines: str) -> Callable[[Lock], Lock]:
    return lambda lock: replace(
        lock,
        request={name: tuple(sorted({*old, *lines})) for name, old in lock.request.items()},
    )


def _base(reference: str) -> Callable[[Lock], Lock]:
    def on(lock: Lock) -> Lock:
        image = LockedBaseImage(
            reference=reference,
            platform=PLATFORM,
            digest=digest_of("base"),
            size=7,
            targets=tuple(target.name for target in lock.targets),
        )
        return replace(lock, base_images=(image,))

    return on


def _system(name: str, version: str) -> Callable[[Lock], Lock]:
    def on(lock: Lock) -> Lock:
        targets = tuple(target.name for target in lock.targets)
        state = ArchiveState(
            name="debian",
            url=DEBIAN,
            suite="bookworm",
            release=digest_of("release"),
            date="2026-01-01T00:00:00Z",
            signer="A" * 40,
            codename="bookworm",
            components=("main",),
            targets=targets,
        )
        package = LockedSystemPackage(
            name=name,
            version=version,
            architecture="amd64",
            source=name,
            path=f"pool/{name}.deb",
            archive=state.key,
            digest=digest_of(name),
            size=7,
            roles=("requested",),
            requested=(name,),
            targets=targets,
        )
        asked = _requesting(
            "system distribution debian", "system suite bookworm", "system components main"
        )(lock)
        return replace(asked, system_packages=(package,), system_archives=(state,))

    return on


def _level(level: str) -> Callable[[Lock], Lock]:
    return lambda lock: replace(
        lock, targets=tuple(replace(one, level=level) for one in lock.targets)
    )


def _gap(lock: Lock) -> Lock:
    text = "lib 2.0 needs libGL.so.1: add libgl1"
    return replace(
        lock, targets=tuple(replace(one, native_libraries=(text,)) for one in lock.targets)
    )


# -- acts on the environment -----------------------------------------------------------------------


def _dist_info(user: User, name: str, version: str) -> None:
    folder = user.site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "RECORD").write_text("")


def _downgrade(user: User, _: IndexServer) -> None:
    shutil.rmtree(user.site / "lib-2.0.dist-info")
    _dist_info(user, "lib", "1.0")


def _overwrite(path: Path) -> None:
    assert path.is_file()
    path.unlink()  # the store keeps its own
    path.write_text("changed = True\n")


def _relink(link: Path) -> None:
    link.unlink()
    link.symlink_to("/bin/true")


def _export(user: User, index: IndexServer) -> None:
    tables = '[[tool.lockenv.export]]\nformat = "requirements"\noutput = "exported/r.txt"\n'
    user.write("pyproject.toml", manifest(index, tables=tables))
    user.lockenv("lock", "--offline")
    (user.folder / "exported" / "r.txt").write_text("nothing\n")


def _dropping(user: User, index: IndexServer) -> None:
    """Everything is from an index that is pruned, in the manifest and in the lock."""
    pruned = DROPPING_INDEXES[-1]
    user.write("pyproject.toml", manifest(index).replace(index.url, f"{pruned}simple/"))
    text = user.read("lockenv.lock").replace(index.url, f"{pruned}simple/")
    user.write("lockenv.lock", render_lock(parse_lock(text.replace(f"{index.root}/", pruned))))


def _doubled(user: User, _: IndexServer) -> None:
    text = user.read("lockenv.lock")
    entry = text.split("[[packages]]")[1].rstrip("\n")
    user.write("lockenv.lock", f"{text}\n[[packages]]{entry}\n")


def _stand_in_driver(user: User, _: IndexServer) -> None:
    folder = user.ground / "driver"
    folder.mkdir(exist_ok=True)
    build_nvml(folder, FakeDriver())
    build_libcuda(folder, FakeDriver())


def _with_driver(change: Callable[[Lock], Lock]) -> Act:
    def act(user: User, index: IndexServer) -> None:
        _stand_in_driver(user, index)
        user.variables["LD_LIBRARY_PATH"] = str(user.ground / "driver")
        holds(change)(user, index)

    return act


def nothing(user: User, index: IndexServer) -> None:
    """A control: nothing is done."""


def found(*codes: str) -> frozenset[str]:
    return frozenset(codes)


SOURCES = '[tool.lockenv.sources]\nlib = { url = "https://x.example/lib-2.0-py3-none-any.whl" }\n'
POLICY = "[tool.lockenv.policy]\n"
TARGET = '[tool.lockenv.target."{}"]\nplatform = "{}"\n'.format("t", PLATFORM)
DRIVER = "cuda driver 535"
EVIL = "https://evil.example/simple/"

MANIFEST: dict[str, Row] = {
    "clean": Row(act=nothing),
    "no lock": Row(act=lambda user, _: user.lock_path.unlink(), codes=found("LE101"), status=1),
    "a requirement more": Row(
        act=asks(dependencies=["lib>=1", "base"]), codes=found("LE102"), status=1
    ),
    "a group more": Row(
        act=asks(groups={"dev": ["tool"], "docs": ["base"]}), codes=found("LE102"), status=1
    ),
    "a bound that fails": Row(act=asks(dependencies=["lib<2"]), codes=found("LE103"), status=1),
    "a bound that holds": Row(act=asks(dependencies=["lib>=1.5"])),
    "a requirement less": Row(act=asks(dependencies=[]), codes=found("LE104"), status=1),
    "a group less": Row(act=asks(groups={}), codes=found("LE104", "LE107"), status=1),
    "a target more": Row(act=asks(targets=[PLATFORM, OTHER]), codes=found("LE105"), status=1),
    "another target": Row(act=asks(targets=[OTHER]), codes=found("LE105"), status=1),
    "another index": Row(act=asks(url="http://127.0.0.1:9/s/"), codes=found("LE106"), status=1),
    "a source of its own": Row(act=asks(tables=SOURCES), codes=found("LE106"), status=1),
    "an older libc": Row(
        act=lambda user, index: (
            user.write("pyproject.toml", manifest(index, targets=["t"], tables=TARGET)),
            user.lockenv("lock", "--offline"),
            user.write(
                "pyproject.toml",
                manifest(index, targets=["t"], tables=TARGET + 'glibc = "2.17"\n'),
            ),
        ),
        codes=found("LE107"),
        status=1,
    ),
    "a driver declared": Row(
        act=asks(tables='[tool.lockenv.cuda]\ndriver = "535"\n'), codes=found("LE107"), status=1
    ),
    "a lock of a newer minor": Row(
        act=says('lock-version = "1.0"', 'lock-version = "1.7"'),
        codes=found("LE108", "LE204"),
        status=1,
    ),
    "a lock of a newer major": Row(
        act=says('lock-version = "1.0"', 'lock-version = "2.0"'), codes=found("LE108"), status=2
    ),
    "system packages asked": Row(act=asks(tables=SYSTEM), codes=found("LE110"), status=1),
    "an image declared": Row(act=asks(tables=IMAGE), codes=found("LE111"), status=1),
    "a constraint that fails": Row(
        act=asks(tool='constraints = ["base>1"]'), codes=found("LE112"), status=1
    ),
    "a name denied": Row(
        act=asks(tables=f'{POLICY}deny = ["base"]\n'), codes=found("LE112"), status=1
    ),
    "a name excluded": Row(act=asks(tool='exclude = ["base"]'), codes=found("LE112"), status=1),
    "an exported file changed": Row(act=_export, codes=found("LE113"), status=1),
}
LOCK: dict[str, Row] = {
    "clean": Row(act=nothing),
    "a package less": Row(act=holds(_without("base")), codes=found("LE201"), status=4),
    "a package that nobody asked": Row(
        act=holds(
            lambda lock: replace(
                lock,
                packages=(
                    *lock.packages,
                    replace(lock.packages[0], name="stray", dependencies=()),
                ),
            )
        ),
        codes=found("LE201"),
        status=4,
    ),
    "a hash gone": Row(
        act=says("hashes = { sha256", "hashes = { md5"), codes=found("LE202"), status=4
    ),
    "a package twice": Row(act=_doubled, codes=found("LE203", "LE204"), status=4),
    "a hand in it": Row(act=says('name = "lib"', 'name  = "lib"'), codes=found("LE204"), status=1),
    "carriage returns": Row(
        act=lambda user, _: user.lock_path.write_bytes(
            user.lock_path.read_bytes().replace(b"\n", b"\r\n")
        ),
        codes=found("LE204"),
        status=1,
    ),
    "merge markers": Row(
        act=lambda user, _: user.write(
            "lockenv.lock", "<<<<<<< ours\n=======\n>>>>>>> theirs\n" + user.read("lockenv.lock")
        ),
        codes=found("LE206"),
        status=2,
    ),
    "a pin that its dependents do not want": Row(
        act=holds(_package("lib", lambda one: replace(one, dependencies=("base>=9",)))),
        codes=found("LE207"),
        status=1,
    ),
    "no toml": Row(
        act=lambda user, _: user.write("lockenv.lock", "[[packages\n"),
        codes=found("toml-syntax"),
        status=2,
    ),
}
SUPPLY: dict[str, Row] = {
    "clean": Row(act=nothing),
    "an index that nobody named": Row(
        act=holds(_package("lib", lambda one: replace(one, index=EVIL))),
        codes=found("LE801"),
        status=1,
    ),
    "a base image that nobody named": Row(
        act=holds(_base("registry.example.com/debian:12")), codes=found("LE801"), status=1
    ),
    "a yanked file": Row(
        act=holds(_package("lib", lambda one: replace(one, yanked="it burns"))),
        codes=found("LE802"),
    ),
    "an index that drops files": Row(act=_dropping, codes=found("LE803"), status=1),
    "an address elsewhere": Row(
        act=holds(
            _package(
                "lib",
                lambda one: replace(
                    one,
                    wheels=tuple(
                        replace(file, url=f"https://evil.example/{file.name}")
                        for file in one.wheels
                    ),
                ),
            )
        ),
        codes=found("LE804"),
        status=1,
    ),
}
CUDA: dict[str, Row] = {
    "clean": Row(act=nothing),
    "a CPU build for GPUs": Row(
        act=holds(
            _then(_with("torch==2.10.0+cpu"), _cuda({}, {"driver": "535"}), _requesting(DRIVER)),
            tables='[tool.lockenv.cuda]\ndriver = "535"\n',
        ),
        codes=found("LE701"),
        status=1,
    ),
    "two majors": Row(
        act=holds(
            _then(
                _with("nvidia-cublas-cu12==12.8.4.1", "nvidia-cuda-runtime==13.0.96"),
                _cuda({"driver": "580.65.06"}),
            )
        ),
        codes=found("LE702"),
        status=1,
    ),
    "CUDA in the base and in wheels": Row(
        act=holds(
            _then(
                _with("nvidia-cuda-runtime-cu12==12.8.90"),
                _cuda({"major": "12"}),
                _base("registry.example.com/nvidia/cuda:12.8.1-base"),
            )
        ),
        codes=found("LE703", "LE801"),
        status=1,
    ),
    "one path twice": Row(
        act=holds(
            _then(
                _with("nvidia-nccl-cu12==2.27.5", "nvidia-nccl-cu13==2.32.3"),
                _cuda({"major": "13"}),
            )
        ),
        codes=found("LE702", "LE704"),
        status=1,
    ),
}
SYSTEMS: dict[str, Row] = {
    "a library that nothing provides": Row(act=holds(_gap), codes=found("LE403")),
    "the same, as an error": Row(
        act=holds(_gap, tables=f'{POLICY}native-libraries = "error"\n'),
        codes=found("LE403"),
        status=1,
    ),
}


HOST: dict[str, Row] = {
    "clean": Row(act=nothing),
    "a package that is not here": Row(
        act=holds(_system("no-such-package", "1")), codes=found("LE401")
    ),
    "another version": Row(act=holds(_system("libc6", "9.9")), codes=found("LE402")),
    "a newer libc": Row(act=holds(_level("9.99")), codes=found("LE602"), status=6),
    "no driver": Row(act=holds(_cuda({"driver": "580.65.06"})), codes=found("LE601"), status=6),
    "a driver too old": Row(
        act=_with_driver(_cuda({"driver": "580.65.06", "major": "13"})),
        codes=found("LE601"),
        status=6,
    ),
    "a driver that will do": Row(act=_with_driver(_cuda({"driver": "525.60.13", "major": "12"}))),
    "a GPU that is not served": Row(
        act=_with_driver(_cuda({"driver": "525.60.13", "major": "12", "archs": ("9.0",)})),
        codes=found("LE604"),
        status=6,
    ),
    "several at once": Row(
        act=holds(_then(_level("9.99"), _cuda({"driver": "580.65.06"}))),
        codes=found("LE601", "LE602"),
        status=6,
    ),
}
ENVIRONMENT: dict[str, Row] = {
    "clean": Row(act=nothing),
    "a package gone": Row(
        act=lambda user, _: shutil.rmtree(user.site / "lib-2.0.dist-info"),
        codes=found("LE301"),
        status=1,
    ),
    "a package more": Row(
        act=lambda user, _: _dist_info(user, "stranger", "1.0"), codes=found("LE302"), status=1
    ),
    "another version": Row(
        act=_downgrade,
        codes=found("LE303"),
        status=1,
    ),
    "a file changed": Row(
        act=lambda user, _: _overwrite(user.site / "lib-2.0.dist-info" / "WHEEL"),
        codes=found("LE304"),
        status=1,
    ),
    "another interpreter": Row(
        act=lambda user, _: _relink(user.venv / "bin" / "python"), codes=found("LE305"), status=1
    ),
    "no environment": Row(
        act=lambda user, _: shutil.rmtree(user.venv), codes=found("LE301"), status=1
    ),
}


#: Codes that take more than one act, each in a file of its own.
ELSEWHERE = {
    "LE603": "test_drifts.py",
    "LE109": "test_cli_import.py",
    "LE705": "test_cuda_later.py",
    **{f"LE50{number}": "test_image_drifts.py" for number in range(1, 6)},
}


def _checked(user: User, index: IndexServer, row: Row, *words: str) -> None:
    row.act(user, index)
    before = snapshot(user.folder)

    answer = user.lockenv("check", *words, "--format", "json", status=None)

    document = json.loads(answer.out)
    got = {finding["code"] for finding in document["findings"]}
    assert (got, answer.status) == (set(row.codes), row.status), answer.text
    assert document["status"] == answer.status
    assert all(finding["fix"] for finding in document["findings"] if finding["code"] != "LE305")
    assert snapshot(user.folder) == before


@pytest.mark.parametrize("story", MANIFEST)
def test_manifest_against_lock(project: User, index: IndexServer, story: str) -> None:
    _checked(project, index, MANIFEST[story])


@pytest.mark.parametrize("story", LOCK)
def test_lock_against_itself(project: User, index: IndexServer, story: str) -> None:
    _checked(project, index, LOCK[story])


@pytest.mark.parametrize("story", SUPPLY)
def test_supply_chain(project: User, index: IndexServer, story: str) -> None:
    _checked(project, index, SUPPLY[story])


@pytest.mark.parametrize("story", CUDA)
def test_coherence_of_cuda(project: User, index: IndexServer, story: str) -> None:
    _checked(project, index, CUDA[story])


@pytest.mark.parametrize("story", SYSTEMS)
def test_what_the_system_lacks(project: User, index: IndexServer, story: str) -> None:
    _checked(project, index, SYSTEMS[story])


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").is_file(), reason="needs dpkg")
@pytest.mark.parametrize("story", HOST)
def test_lock_against_host(project: User, index: IndexServer, story: str) -> None:
    _checked(project, index, HOST[story], "--host")


def test_a_host_of_another_platform(project: User, index: IndexServer) -> None:
    project.write("pyproject.toml", manifest(index, targets=[PLATFORM, OTHER]))
    project.lockenv("lock", "--offline")

    answer = project.lockenv("check", "--host", "--target", OTHER, status=6)

    assert "error[LE603]" in answer.out


@pytest.mark.parametrize("story", ENVIRONMENT)
def test_lock_against_environment(project: User, index: IndexServer, story: str) -> None:
    try:
        _checked(project, index, ENVIRONMENT[story], "--env")
    finally:
        shutil.rmtree(project.venv, ignore_errors=True)
        project.lockenv("sync")


def test_the_gravest_of_several_findings_is_the_status(project: User, index: IndexServer) -> None:
    """Contract 5: 4 before 2 before 8, 5, 6 and 1."""
    holds(_then(_level("9.99"), _without("base")))(project, index)
    project.lockenv("check", "--host", status=4)
    project.write("lockenv.lock", "<<<<<<< ours\n")
    project.lockenv("check", "--host", status=2)


def test_forty_drifts_and_every_code_but_those_of_other_tests_are_here() -> None:
    tables = (MANIFEST, LOCK, SUPPLY, CUDA, SYSTEMS, HOST, ENVIRONMENT)
    produced = {code for table in tables for row in table.values() for code in row.codes}

    assert sum(bool(row.codes) for table in tables for row in table.values()) >= 40
    for code, place in ELSEWHERE.items():
        assert code in Path(__file__).with_name(place).read_text(encoding="utf-8")
    codes = {code for code in produced if code.startswith("LE")}
    assert codes | set(ELSEWHERE) == set(FINDING_CODES)

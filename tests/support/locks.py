"""Locks for tests: a small one written by hand, coherent random ones, and arbitrary shapes.

`small_lock` is a lock whose self-check is clean, with a value in every layer. `coherent_locks` are
random worlds (cycles, extras, several targets, groups) that are solved by construction. `locks`
are values of any shape that the types allow, for the reader, the writer and the schema.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from lockenv.lockfile import (
    canonical,
    diff,
    regrouped,
    render_diff_markdown,
    render_diff_text,
    render_lock,
)
from lockenv.model import (
    PLATFORMS,
    ArchiveState,
    Artifact,
    BuildPackage,
    CudaComponent,
    CudaFacts,
    Digest,
    DirectoryPin,
    Lock,
    LockedBaseImage,
    LockedBuild,
    LockedImage,
    LockedInterpreter,
    LockedPackage,
    LockedSystemPackage,
    LockedTarget,
    RecordedImage,
    VcsPin,
)

GOLDEN = Path(__file__).parents[1] / "golden"
INDEX = "https://packages.example.com/simple/"
TIME = "2026-01-02T03:04:05Z"


def digest_of(text: str) -> Digest:
    """A digest that depends on the text alone."""
    return Digest("sha256", hashlib.sha256(text.encode()).hexdigest())


def file(name: str, *targets: str, content: str = "") -> Artifact:
    """A file with every fact filled in."""
    return Artifact(
        name=name,
        digest=digest_of(name + content),
        size=1000 + len(name),
        url=f"https://files.example.com/{name}",
        upload_time=TIME,
        targets=targets,
    )


def package(
    name: str,
    version: str = "1.0",
    *,
    targets: tuple[str, ...] = ("gpu",),
    needs: tuple[str, ...] = (),
    groups: tuple[str, ...] = ("project",),
    extras: tuple[str, ...] = (),
) -> LockedPackage:
    """A pure wheel from the example index."""
    wheel = file(f"{name.replace('-', '_')}-{version}-py3-none-any.whl")
    return LockedPackage(
        name=name,
        version=version,
        index=INDEX,
        wheels=(wheel,),
        targets=targets,
        groups=groups,
        extras=extras,
        dependencies=needs,
    )


def target(name: str = "gpu", platform: str = "linux-x86_64") -> LockedTarget:
    """A target on CPython 3.11.7 with the default libc."""
    level = {"glibc": "2.28", "musl": "1.2", "macos": "14.0", "": ""}
    return LockedTarget(
        name=name,
        platform=platform,
        python="3.11.7",
        level=level[PLATFORMS[platform].libc],
        table=name,
    )


def interpreter(*targets: str, platform: str = "linux-x86_64") -> LockedInterpreter:
    """CPython 3.11.7 for a platform."""
    name = f"cpython-3.11.7+20240107-{platform}-install_only.tar.gz"
    return LockedInterpreter(
        version="3.11.7", platform=platform, build="20240107", artifact=file(name), targets=targets
    )


def lock_of(
    *packages: LockedPackage, asked: tuple[str, ...], names: tuple[str, ...] = ("gpu",)
) -> Lock:
    """A lock of these packages for linux targets that all make the same request."""
    return canonical(
        Lock(
            request=dict.fromkeys(names, asked),
            targets=tuple(target(name) for name in names),
            packages=packages,
            interpreters=(interpreter(*names),),
        )
    )


def small_lock() -> Lock:
    """Two targets, a cycle, an extra, a group, a build, Debian packages, CUDA, images."""
    asked = (
        "constraint idna<9",
        "package yes",
        "platform linux-x86_64",
        "python 3.11",
        "requirement group:dev rich>=13",
        "requirement project requests[socks]>=2",
    )
    both = ("cpu", "gpu")
    archive = ArchiveState(
        name="debian",
        url="https://debian.example.com/debian/",
        suite="bookworm",
        release=digest_of("release"),
        date="2026-11-22T08:00:00Z",
        signer="A" * 40,
        origin="Debian",
        codename="bookworm",
        components=("main",),
        targets=both,
    )
    return canonical(
        Lock(
            request=dict.fromkeys(both, asked),
            targets=(
                replace(target("cpu"), groups=("dev",)),
                replace(
                    target("gpu"),
                    groups=("dev",),
                    suite="bookworm",
                    epoch="2026-11-22T08:00:00Z",
                    native_libraries=("libGL.so.1",),
                    cuda=CudaFacts(
                        declared={"driver": "535", "gpus": ("A100", "H100")},
                        needs={"driver": "525.60.13"},
                    ),
                ),
            ),
            packages=(
                package(
                    "requests",
                    "2.31.0",
                    targets=both,
                    needs=("idna>=2.5", "pysocks>=1.5.6; extra == 'socks'"),
                    extras=("socks",),
                ),
                package("idna", "3.6", targets=both, needs=("requests",)),
                package("pysocks", "1.7.1", targets=both),
                replace(
                    package("rich", "13.7.0", targets=both, groups=("group:dev",)),
                    wheels=(
                        file("rich-13.7.0-py3-none-any.whl", "cpu"),
                        file("rich-13.7.0-cp311-cp311-manylinux_2_17_x86_64.whl", "gpu"),
                    ),
                ),
                LockedPackage(
                    name="app",
                    directory=DirectoryPin(path=".", editable=True),
                    targets=both,
                    groups=("project",),
                ),
            ),
            builds=(
                LockedBuild(
                    name="app",
                    kind="editable",
                    targets=both,
                    backend="hatchling.build",
                    requires=("hatchling>=1.26",),
                    packages=(
                        BuildPackage(
                            name="hatchling",
                            version="1.27.0",
                            artifact=file("hatchling-1.27.0-py3-none-any.whl"),
                            index=INDEX,
                        ),
                    ),
                ),
            ),
            interpreters=(interpreter(*both),),
            system_archives=(archive,),
            system_packages=(
                _system("libc6", "2.36-9", "glibc", ("Depends", "libgcc-s1")),
                _system("libgcc-s1", "12.2.0-14", "gcc-12", ("Depends", "libc6 (>= 2.35)")),
            ),
            cuda_components=(
                CudaComponent(
                    name="cuda_nvcc",
                    version="12.8.93",
                    platform="linux-x86_64",
                    manifest=digest_of("manifest"),
                    artifact=file("cuda_nvcc-linux-x86_64-12.8.93-archive.tar.xz"),
                    targets=("gpu",),
                ),
            ),
            base_images=(
                LockedBaseImage(
                    reference="debian:bookworm-slim",
                    platform="linux-x86_64",
                    digest=digest_of("base"),
                    size=1234,
                    index=digest_of("index"),
                    layers=((digest_of("layer"), 99),),
                    targets=("cpu",),
                ),
            ),
            images=(
                LockedImage(
                    targets=("gpu",),
                    settings=("base scratch", "user app"),
                    recorded=(
                        RecordedImage(
                            target="gpu",
                            project=digest_of("project"),
                            normalisation=1,
                            diff_ids=(digest_of("layer"),),
                            config=digest_of("config"),
                            manifest=digest_of("image"),
                            compressor="gzip",
                        ),
                    ),
                ),
            ),
        )
    )


def _system(name: str, version: str, source: str, relation: tuple[str, str]) -> LockedSystemPackage:
    return LockedSystemPackage(
        name=name,
        version=version,
        architecture="amd64",
        source=source,
        path=f"pool/main/{source[0]}/{source}/{name}_{version}_amd64.deb",
        archive="debian bookworm 2026-11-22T08:00:00Z",
        digest=digest_of(name),
        size=5000,
        relations=dict([relation]),
        essential=name == "libc6",
        roles=("base",),
        targets=("cpu", "gpu"),
    )


def moved_lock() -> Lock:
    """The small lock after a package, the Debian packages and the interpreter moved up."""
    lock = small_lock()
    wheel = file("requests-2.32.0-py3-none-any.whl")
    return canonical(
        replace(
            lock,
            packages=tuple(
                replace(item, version="2.32.0", wheels=(wheel,))
                if item.name == "requests"
                else item
                for item in lock.packages
            ),
            system_packages=tuple(
                replace(item, version=f"{item.version}+deb12u1") for item in lock.system_packages
            ),
            interpreters=tuple(
                replace(item, version="3.11.9", build="20240814") for item in lock.interpreters
            ),
        )
    )


def golden_documents() -> dict[str, str]:
    """What stands in ``tests/golden``; ``python -m tests.support.locks`` writes it anew."""
    difference = diff(small_lock(), moved_lock())
    return {
        "lock-small.lock": render_lock(small_lock()),
        "lock-diff.txt": render_diff_text(difference, ["cpu", "gpu"]),
        "lock-diff.md": render_diff_markdown(difference, ["cpu", "gpu"]),
    }


@st.composite
def coherent_locks(draw: st.DrawFn, names: tuple[str, ...] = ("cpu", "gpu")) -> Lock:
    """A random solved world: every requirement is answered, whatever cycles there are."""
    count = draw(st.integers(1, 6))
    versions = {f"p{n}": draw(st.sampled_from(["1.0", "1.5", "2.0"])) for n in range(count)}
    extras = {name: draw(st.booleans()) for name in versions}

    def some_requirement(name: str) -> str:
        extra = "[more]" if extras[name] and draw(st.booleans()) else ""
        return f"{name}{extra}{draw(st.sampled_from(['', '>=1', '<3', f'=={versions[name]}']))}"

    def some_needs() -> tuple[str, ...]:
        chosen = draw(st.lists(st.sampled_from(sorted(versions)), max_size=3, unique=True))
        markers = ["", "; extra == 'more'", "; sys_platform == 'linux'", "; os_name == 'nt'"]
        return tuple(some_requirement(name) + draw(st.sampled_from(markers)) for name in chosen)

    packages = tuple(
        package(name, version, targets=names, needs=some_needs())
        for name, version in versions.items()
    )
    selections = ["project", "group:dev", "extra:gui", "seed"]
    request = {}
    for name in names:
        asked = draw(st.lists(st.sampled_from(sorted(versions)), min_size=1, max_size=3))
        request[name] = tuple(
            f"requirement {draw(st.sampled_from(selections))} {some_requirement(item)}"
            for item in asked
        )
    world = Lock(
        request=request,
        targets=tuple(target(name) for name in names),
        packages=packages,
        interpreters=(interpreter(*names),),
    )
    return canonical(regrouped(canonical(world)))


_words = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,4})?", fullmatch=True)
_lines = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_digests = st.builds(digest_of, st.text("ab", max_size=3))
_targets = st.lists(_words, min_size=1, max_size=2, unique=True).map(lambda w: tuple(sorted(w)))
_some_lines = st.lists(_lines, max_size=2, unique=True).map(lambda lines: tuple(sorted(lines)))
_times = st.none() | st.datetimes().map(lambda time: time.replace(microsecond=0).isoformat() + "Z")
_urls = st.none() | _words.map(lambda word: f"https://example.com/{word}")
_files = st.builds(
    Artifact,
    name=_words.map(lambda word: f"{word}.whl"),
    digest=_digests,
    size=st.none() | st.integers(0, 2**40),
    url=_urls,
    upload_time=_times,
    targets=st.just(()) | _targets,
)
_facts = st.dictionaries(_words, _lines | _some_lines, max_size=2)
_locked_targets = st.builds(
    LockedTarget,
    name=_words,
    platform=st.sampled_from(sorted(PLATFORMS)),
    python=st.sampled_from(["3.11.7", "3.14.0rc1"]),
    python_source=st.sampled_from(["standalone", "debian", "host"]),
    freethreaded=st.booleans(),
    table=_words,
    groups=_some_lines,
    extras=_some_lines,
    suite=st.none() | _words,
    epoch=_times,
    native_libraries=_some_lines,
    cuda=st.none() | st.builds(CudaFacts, declared=_facts, needs=_facts),
)
_sources = st.one_of(
    st.fixed_dictionaries({"wheels": st.lists(_files, min_size=1, max_size=2).map(tuple)}),
    st.fixed_dictionaries({"sdist": _files}),
    st.fixed_dictionaries(
        {
            "archive": _files.map(lambda archive: replace(archive, url=None)),
            "archive_path": st.just("vendor/x.whl"),
        }
    ),
    st.fixed_dictionaries(
        {
            "vcs": st.builds(
                VcsPin,
                type=st.just("git"),
                url=st.just("https://example.com/x.git"),
                commit=st.just("ab" * 20),
                requested=st.none() | _lines,
                subdirectory=st.none() | _words,
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "directory": st.builds(
                DirectoryPin,
                path=st.sampled_from([".", "libs/a", "../b", ".."]),
                editable=st.booleans(),
                subdirectory=st.none() | _words,
            )
        }
    ),
)
_packages = st.builds(
    lambda common, source: LockedPackage(**common, **source),
    st.fixed_dictionaries(
        {
            "name": _words,
            "version": st.sampled_from(["1.0", "2!1.0+cu118", "1.0rc1"]),
            "index": _urls,
            "requires_python": st.none() | st.just(">=3.8"),
            "targets": _targets,
            "groups": _some_lines,
            "extras": _some_lines,
            "dependencies": _some_lines,
            "attestation_identities": st.just(())
            | st.just(({"kind": "GitHub", "repository": "a/b"},)),
            "yanked": st.none() | st.just("") | _lines,
            "note": st.none() | _lines,
        }
    ),
    _sources,
)
_builds = st.builds(
    LockedBuild,
    name=_words,
    version=st.none() | st.just("1.0"),
    kind=st.sampled_from(["wheel", "editable"]),
    targets=_targets,
    backend=st.just("") | _lines,
    requires=_some_lines,
    packages=st.lists(
        st.builds(BuildPackage, name=_words, version=st.just("1"), artifact=_files, index=_urls),
        max_size=2,
    ).map(tuple),
    system=_some_lines,
)
_system_packages = st.builds(
    LockedSystemPackage,
    name=_words.map(lambda word: f"lib{word}"),
    version=st.sampled_from(["1:2.36-9+deb12u4", "1~rc1"]),
    architecture=st.just("amd64"),
    source=_lines,
    path=st.just("pool/main/x.deb"),
    archive=_lines,
    digest=_digests,
    size=st.integers(0, 2**40),
    relations=st.dictionaries(st.sampled_from(["Depends", "Pre-Depends"]), _lines, max_size=2),
    multi_arch=st.none() | _words,
    essential=st.booleans(),
    priority=st.none() | _words,
    roles=_some_lines,
    requested=_some_lines,
    targets=_targets,
    note=st.none() | _lines,
)


def _name(entry: LockedTarget | LockedPackage | LockedSystemPackage) -> str:
    return entry.name


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """Any lock that the types allow, in canonical order; nothing in it need make sense."""
    return canonical(
        Lock(
            request=draw(st.dictionaries(_lines, _some_lines, max_size=2)),
            targets=tuple(draw(st.lists(_locked_targets, max_size=2, unique_by=_name))),
            packages=tuple(draw(st.lists(_packages, max_size=3, unique_by=_name))),
            builds=tuple(draw(st.lists(_builds, max_size=1))),
            system_packages=tuple(draw(st.lists(_system_packages, max_size=2, unique_by=_name))),
            interpreters=draw(st.just(()) | st.just((interpreter("gpu"),))),
            system_archives=small_lock().system_archives if draw(st.booleans()) else (),
            cuda_components=small_lock().cuda_components if draw(st.booleans()) else (),
            base_images=small_lock().base_images if draw(st.booleans()) else (),
            images=small_lock().images if draw(st.booleans()) else (),
        )
    )


if __name__ == "__main__":
    for name, text in golden_documents().items():
        (GOLDEN / name).write_text(text, encoding="utf-8", newline="\n")

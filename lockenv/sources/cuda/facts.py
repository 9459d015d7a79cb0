"""What is known of a candidate's CUDA: which majors it serves, on which GPUs, with what beside it.

Each fact records how it was learned, in the order of trust: local version, pins in its metadata,
its own name, a wheel that was read before, the wheel itself, a span of versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

from lockenv.tables.cuda import (
    WheelLibrary,
    capability_key,
    components,
    covers,
    drivers,
    wheels,
)
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.specifiers import SpecifierSet

#: `+cu128`, `+cu12.8`, `+cu118.torch2`, `+cpu`: the words of the vendor's index.
_LOCAL = re.compile(r"(?:^|[._-])cu(?:da)?(\d{2})\.?(\d{1,2})?(?=$|[^\d])")
_LOCAL_CPU = re.compile(r"(?:^|[._-])cpu(?=$|[._-])")
_ALTERNATIVE = re.compile(r"cuda(\d{2})\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """The one file of a candidate that a target would install."""

    package: str
    version: str
    file: str
    sha256: str | None = None
    url: str | None = None
    size: int | None = None

    @property
    def platform(self) -> str:
        """The platform tag of its name; empty for what is no wheel."""
        return self.file.removesuffix(".whl").rpartition("-")[2] if self.is_wheel else ""

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel at all (an sdist tells nothing of this)."""
        return self.file.endswith(".whl")

    @property
    def machine(self) -> str:
        """The machine of its platform tag."""
        return "aarch64" if self.platform.endswith(("aarch64", "arm64")) else "x86_64"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFacts:
    """What is known; empty fields say nothing.

    ``majors`` are those that it can serve (several where it brings a library for each).
    ``archs`` and ``ptx`` are what it can be relied on to run (see ``code_for``), ``ptx_isa`` the
    newest PTX version. ``needs`` are CUDA sonames that it links, ``provides`` those that it has.
    ``how`` says where each fact is from, in that order.
    """

    majors: tuple[int, ...] = ()
    toolkit: str | None = None
    archs: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    ptx_isa: str = ""
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    libraries: tuple[WheelLibrary, ...] = ()
    is_cpu_build: bool = False
    is_partial: bool = False
    how: tuple[str, ...] = ()

    @property
    def major(self) -> int | None:
        """The one major that it serves, if it is one."""
        return self.majors[0] if len(self.majors) == 1 else None

    @property
    def driver_floor(self) -> str | None:
        """The oldest driver that runs it, by the oldest major that it serves."""
        return drivers().floor(min(self.majors)) if self.majors else None

    @property
    def says_something(self) -> bool:
        """Whether anything at all is known of its CUDA."""
        return bool(self.majors or self.archs or self.ptx or self.needs or self.is_cpu_build)

    def for_major(self, major: int) -> CandidateFacts:
        """The facts that hold if it runs on one of its majors (libraries for others left out)."""
        if len(self.majors) < 2:
            return self
        chosen = tuple(lib for lib in self.libraries if _serves(lib, major))
        archs, ptx = code_for(chosen) if chosen else (self.archs, self.ptx)
        needs = tuple(name for name in self.needs if _of_major(name, major))
        return _replace(self, majors=(major,), archs=archs, ptx=ptx, needs=needs)

    def runs_on(self, capability: str) -> bool | None:
        """Whether its machine code runs on such a GPU; None where it has none that we know."""
        if not self.archs:
            return None if not self.ptx else False
        return any(covers(code, capability) for code in self.archs)

    def can_compile_for(self, capability: str) -> bool:
        """Whether it has PTX that a driver can compile for such a GPU."""
        return any(capability_key(code) <= capability_key(capability) for code in self.ptx)


def without_major(facts: CandidateFacts) -> CandidateFacts:
    """The facts without the major and toolkit that they claim."""
    return _replace(facts, majors=(), toolkit=None)


def _replace(
    facts: CandidateFacts, **changes: tuple[int, ...] | tuple[str, ...] | None
) -> CandidateFacts:
    values = {name: getattr(facts, name) for name in CandidateFacts.__slots__}
    return CandidateFacts(**{**values, **changes})


def _of_major(soname: str, major: int) -> bool:
    row = components().sonames.get(soname)
    return row is None or row.major in {None, major}


def _serves(library: WheelLibrary, major: int) -> bool:
    """Whether a library is one of those that are used on a major: by its name, or what it links."""
    if _alternative(library.path) not in {None, major}:
        return False
    return all(_of_major(name, major) for name in library.needs)


def _alternative(path: str) -> int | None:
    found = _ALTERNATIVE.search(path.rpartition("/")[2])
    return int(found.group(1)) if found else None


def facts_from_version(version: str) -> CandidateFacts | None:
    """What a local version says: ``+cu128`` or ``+cpu``."""
    local = version.partition("+")[2].lower()
    if not local:
        return None
    found = _LOCAL.search(local)
    if found:
        major, minor = int(found.group(1)), found.group(2)
        return CandidateFacts(
            majors=(major,),
            toolkit=f"{major}.{minor}" if minor else None,
            how=(f"local version +{local}",),
        )
    if _LOCAL_CPU.search(local):
        return CandidateFacts(is_cpu_build=True, how=(f"local version +{local}",))
    return None


def facts_from_name(package: str, version: str) -> CandidateFacts | None:
    """What a package's own name says: a component, or ``cupy-cuda12x`` and its like."""
    major = components().major_of(package, version)
    if major is None:
        return None
    minor = components().minor_of(package, version)
    return CandidateFacts(majors=(major,), toolkit=minor, how=(f"{package} is CUDA {major}",))


def facts_from_requirements(texts: Iterable[str]) -> CandidateFacts | None:
    """What the requirements of a candidate say: pins of runtime families and of cuda-toolkit.

    A name of a runtime family with a suffix names its major; a bare one does by the versions that
    its specifier lets in. Several majors, all asked for at once, contradict each other: then the
    one of the CUDA runtime itself counts.
    """
    found: dict[int, str] = {}
    toolkit: str | None = None
    anchor: int | None = None
    for text in texts:
        try:
            requirement = Requirement(text)
        except ValueError:
            continue
        name = requirement.name.lower().replace("_", "-").replace(".", "-")
        known = name == "cuda-toolkit" or components().is_runtime(name)
        if not known and components().major_of(name) is None:
            continue
        major, minor = _of_requirement(name, requirement.specifier)
        if major is None:
            continue
        short = f"{name}{requirement.specifier}"
        found.setdefault(major, short)
        if name == "cuda-toolkit" or name.startswith("nvidia-cuda-runtime"):
            anchor, toolkit = major, minor or toolkit
            found[major] = short
    if not found:
        return None
    major = anchor if anchor is not None else max(found)
    return CandidateFacts(majors=(major,), toolkit=toolkit, how=(found[major],))


def _of_requirement(name: str, specifier: SpecifierSet) -> tuple[int | None, str | None]:
    """Major and, where one release is meant, minor."""
    pin = next((s.version for s in specifier if s.operator == "=="), None)
    if pin is not None:
        plain = pin.removesuffix(".*")
        major = components().major_of(name, plain)
        if name == "cuda-toolkit":
            return major, ".".join(plain.split(".")[:2]) if "." in plain else None
        return major, components().minor_of(name, plain)
    major = components().major_of(name)
    if major is None and name == "cuda-toolkit":
        return _only_major(specifier, components().toolkits), None
    return major, None


def _only_major(specifier: SpecifierSet, versions: Iterable[str]) -> int | None:
    inside = {int(v.partition(".")[0]) for v in versions if specifier.contains(v)}
    return inside.pop() if len(inside) == 1 else None


def facts_from_table(wheel: WheelFile) -> CandidateFacts | None:
    """What is shipped about this very file, or about another wheel of its release."""
    row = wheels().by_hash(wheel.sha256) if wheel.sha256 else None
    how = "as read from this wheel"
    if row is None and wheel.is_wheel:
        public = _public(wheel.version)
        row = wheels().same_release(wheel.package, public, wheel.platform)
        how = f"as read from {row.file}" if row else ""
    if row is None:
        return None
    facts = facts_from_libraries(row.libraries, is_partial=row.partial, how=how)
    if row.sha256 != wheel.sha256 and _is_other_build(wheel.version, facts.majors):
        return None
    return side_facts(wheel.package, facts)


def _is_other_build(version: str, majors: Iterable[int]) -> bool:
    """Whether a local version says that a release's other wheels are no witnesses for this one."""
    local = facts_from_version(version)
    if local is None:
        return False
    known = set(majors)
    return local.is_cpu_build or (bool(known) and known.isdisjoint(local.majors))


def side_facts(package: str, facts: CandidateFacts) -> CandidateFacts:
    """The facts without GPU code, for what is used only on the GPUs that it has code for."""
    return _replace(facts, archs=(), ptx=()) if package in wheels().side_libraries else facts


def facts_from_range(wheel: WheelFile) -> CandidateFacts | None:
    """What is shipped about the span of versions that this one lies in."""
    row = wheels().range_of(wheel.package, wheel.version, wheel.machine)
    if row is None or not wheel.is_wheel or not wheel.platform.endswith(_CUDA_PLATFORMS):
        return None
    # What was read from wheels is a machine's, and Linux's: torch for Windows is a CPU build.
    if row.machine is not None and "linux" not in wheel.platform:
        return None
    if _is_other_build(wheel.version, (row.major,) if row.major else ()):
        return None
    return CandidateFacts(
        majors=(row.major,) if row.major else (),
        archs=row.archs,
        ptx=row.ptx,
        needs=row.needs,
        is_partial=True,
        how=(f"{row.package} {row.versions}: {row.source}",),
    )


_CUDA_PLATFORMS = ("x86_64", "aarch64", "win_amd64")


def facts_from_libraries(
    libraries: Sequence[WheelLibrary],
    *,
    provides: tuple[str, ...] = (),
    ptx_isa: str = "",
    is_partial: bool = False,
    how: str,
) -> CandidateFacts:
    """What the shared libraries of a wheel say together."""
    archs, ptx = code_for(libraries)
    needs = cuda_needs(libraries)
    return CandidateFacts(
        majors=majors_of_sonames(needs),
        archs=archs,
        ptx=ptx,
        ptx_isa=ptx_isa,
        needs=needs,
        provides=provides,
        libraries=tuple(libraries),
        is_partial=is_partial,
        how=(how,),
    )


def majors_of_sonames(sonames: Iterable[str]) -> tuple[int, ...]:
    """The majors that sonames name, sorted; those that several majors share name none."""
    table = components().sonames
    found = {row.major for name in sonames if (row := table.get(plain_soname(name)))}
    return tuple(sorted(major for major in found if major is not None))


def plain_soname(name: str) -> str:
    """The name without the hash that auditwheel puts into bundled copies."""
    return re.sub(r"[.-][0-9a-f]{8}(?=\.so)", "", name)


def cuda_needs(libraries: Iterable[WheelLibrary]) -> tuple[str, ...]:
    """The CUDA sonames that libraries link, without the driver's and bundled copies', sorted."""
    table, driver = components().sonames, components().driver_libraries
    return tuple(
        sorted({n for lib in libraries for n in lib.needs if n in table and n not in driver})
    )


def code_for(libraries: Iterable[WheelLibrary]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The architectures and PTX that a package can be relied on for.

    Side libraries (one architecture only, like flash attention 3) and bundled ones of others
    (``NAME.libs/``) must not lower what the package covers: its broadest own library speaks for
    it. A library with code for one architecture out of several counts with all of them; a single
    entry (libcufft keeps its kernels elsewhere) is no evidence.
    """
    with_code = [lib for lib in libraries if lib.base or lib.few]
    own = [lib for lib in with_code if ".libs/" not in lib.path] or with_code
    if not own:
        return (), ()
    main = max(own, key=lambda lib: (len(lib.base), lib.cubins, lib.path))
    archs = main.base if len(main.base) > 1 else (*main.few, *main.base)
    if len(archs) + len(main.ptx) < 2 and main.cubins < 2:
        return (), ()
    return tuple(sorted(archs, key=capability_key)), main.ptx


def combine(found: Sequence[CandidateFacts]) -> CandidateFacts:
    """Facts in the order of trust as one: of each field the first that says something."""
    return CandidateFacts(
        majors=next((f.majors for f in found if f.majors), ()),
        toolkit=next((f.toolkit for f in found if f.toolkit), None),
        archs=next((f.archs for f in found if f.archs or f.ptx), ()),
        ptx=next((f.ptx for f in found if f.archs or f.ptx), ()),
        ptx_isa=next((f.ptx_isa for f in found if f.ptx_isa), ""),
        needs=next((f.needs for f in found if f.needs), ()),
        provides=next((f.provides for f in found if f.provides), ()),
        libraries=next((f.libraries for f in found if f.libraries), ()),
        is_cpu_build=any(f.is_cpu_build for f in found),
        is_partial=any(f.is_partial for f in found),
        how=tuple(dict.fromkeys(how for f in found for how in f.how)),
    )


def _public(version: str) -> str:
    try:
        return Version(version).public
    except ValueError:
        return version

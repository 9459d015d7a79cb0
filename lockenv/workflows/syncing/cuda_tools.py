"""A toolkit in the place of a build: ``CUDA_HOME``, a compiler that nvcc accepts, architectures.

The parts come from where the lock has them: wheels in the build environment, NVIDIA's archives, or
the system's own packages, which must be the locked ones. What the build is told besides (for which
GPUs, with which host compiler) follows from the lock and decides the wheel's name in the store.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError
from lockenv.model import Wanted
from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.fetch import StoreFetcher
    from lockenv.model import (
        CudaComponent,
        Lock,
        LockedBuild,
        LockedSystemPackage,
        LockedTarget,
    )

#: The wheel that has nvcc, from CUDA 13 on.
_NVCC_WHEEL = "nvidia-cuda-nvcc"
#: Where the wheels of CUDA 13 and later have their parts, below site-packages.
_WHEELS = "nvidia/cu[0-9][0-9]"
_SHARED = pattern(r"(.+\.so)\.\d")
_NEWEST_GCC, _OLDEST_GCC = 30, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaShop:
    """What a target's lock has for builds with nvcc.

    ``capabilities`` are those to compile for; ``toolkits`` are system packages with a compiler.
    """

    components: tuple[CudaComponent, ...] = ()
    capabilities: tuple[str, ...] = ()
    toolkits: Mapping[str, LockedSystemPackage]

    def document(self, build: LockedBuild) -> list[object]:
        """What of this decides how a build comes out; empty for builds without nvcc."""
        if not uses_nvcc(build):
            return []
        parts = sorted(str(one.artifact.digest) for one in self.components)
        names = [self.toolkits[name].version for name in _packages(build) if name in self.toolkits]
        archives = parts if "cuda:nvcc" in build.system else []
        return [list(build.system), archives, names, list(self.capabilities)]


def cuda_shop(lock: Lock, target: LockedTarget) -> CudaShop:
    """What a lock has for a target's builds with nvcc."""
    declared = target.cuda.declared if target.cuda is not None else {}
    needs = target.cuda.needs if target.cuda is not None else {}
    names = {name for build in lock.builds for name in _packages(build)}
    return CudaShop(
        components=tuple(one for one in lock.cuda_components if target.name in one.targets),
        capabilities=_capabilities(declared) or _texts(needs.get("archs")),
        toolkits={
            one.name: one
            for one in lock.system_packages
            if one.name in names and target.name in one.targets
        },
    )


def _capabilities(declared: Mapping[str, str | tuple[str, ...]]) -> tuple[str, ...]:
    from lockenv.tables.cuda import capability_key, drivers  # noqa: PLC0415 - start-up

    said = (*_texts(declared.get("gpus")), *_texts(declared.get("archs")))
    found = {c for one in said if (c := drivers().capability_of(one)) is not None}
    return tuple(sorted(found, key=capability_key))


def _texts(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value or ()


def uses_nvcc(build: LockedBuild) -> bool:
    """Whether a locked build has a compiler for CUDA."""
    return bool(build.system) or any(one.name == _NVCC_WHEEL for one in build.packages)


def _packages(build: LockedBuild) -> list[str]:
    return [one.removeprefix("deb:") for one in build.system if one.startswith("deb:")]


def build_variables(
    shop: CudaShop, build: LockedBuild, place: Path, fetcher: StoreFetcher
) -> dict[str, str]:
    """The variables for a build whose environment stands in ``place/venv``; the toolkit is there.

    Raises `HostError` where the system's toolkit is not the locked one, or no compiler here is one
    that nvcc accepts.
    """
    if not uses_nvcc(build):
        return {}
    home = _home(shop, build, place, fetcher)
    toolkit = _release(home)
    gcc, gxx = _host_compiler(toolkit)
    headers = sorted(
        str(one) for one in place.glob("venv/lib/python*/site-packages/nvidia/*/include")
    )
    plain = [one.replace(".", "") for one in shop.capabilities]
    variables = {
        "CUDA_HOME": str(home),
        "CUDA_PATH": str(home),
        "CUDACXX": str(home / "bin" / "nvcc"),
        "CC": gcc,
        "CXX": gxx,
        "CUDAHOSTCXX": gxx,
        "NVCC_PREPEND_FLAGS": f"-ccbin {gxx}",
        "LIBRARY_PATH": f"{home}/lib64",
        "CPATH": ":".join([f"{home}/include", *headers]),
    }
    if plain:
        variables["TORCH_CUDA_ARCH_LIST"] = ";".join(shop.capabilities)
        variables["CUDAARCHS"] = ";".join(plain)
        # flash-attn has a name of its own for the same.
        variables["FLASH_ATTN_CUDA_ARCHS"] = ";".join(plain)
    return variables


def _home(shop: CudaShop, build: LockedBuild, place: Path, fetcher: StoreFetcher) -> Path:
    """A folder that is a toolkit as programs expect one: bin, include, lib64."""
    for name in _packages(build):
        return _system_toolkit(shop, name)
    home = place / "cuda"
    home.mkdir()
    if "cuda:nvcc" in build.system:
        for component in shop.components:
            _unpack(component, home, place, fetcher)
        _link_libraries(home / "lib", home / "lib64")
        return home
    site = next(place.glob(f"venv/lib/python*/site-packages/{_WHEELS}"), None)
    if site is None:
        raise InputError(
            "no-nvcc",
            f"the build environment of {build.name} has no nvcc",
            fix='name it in the manifest, cuda.components = ["nvcc"], then lockenv lock',
        )
    for folder in sorted(site.iterdir()):
        if folder.name != "lib":
            (home / folder.name).symlink_to(folder)
    _link_libraries(site / "lib", home / "lib64")
    (home / "lib").symlink_to("lib64")
    return home


def wanted_component(component: CudaComponent) -> Wanted:
    """Where to look for an archive of NVIDIA's and what it must be."""
    artifact = component.artifact
    return Wanted(
        name=artifact.name,
        digest=artifact.digest,
        urls=(artifact.url,) if artifact.url else (),
        size=artifact.size,
        where=f"lockenv.lock: cuda-components, {component.name} {component.version}",
    )


def _unpack(component: CudaComponent, home: Path, place: Path, fetcher: StoreFetcher) -> None:
    """One archive of NVIDIA's, its one top folder merged into the toolkit."""
    from lockenv.sandbox import unpack_source  # noqa: PLC0415 - start-up: only builds need it

    blob = fetcher.blob(wanted_component(component))
    into = place / "parts" / component.name
    into.mkdir(parents=True)
    top = unpack_source(blob, component.artifact.name, into)
    shutil.copytree(top, home, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(into)


def _link_libraries(lib: Path, lib64: Path) -> None:
    """``lib64`` with every library under its own name and, for linking, without its version."""
    if not lib.is_dir() or lib64.exists():
        return
    lib64.mkdir()
    for path in sorted(lib.iterdir()):
        (lib64 / path.name).symlink_to(path)
    for path in sorted(lib.iterdir()):
        found = _SHARED.fullmatch(path.name) or _SHARED.match(path.name)
        if found and not (lib64 / found[1]).is_symlink():
            (lib64 / found[1]).symlink_to(path)


def _system_toolkit(shop: CudaShop, name: str) -> Path:
    """Where the system's own compiler is, if it is of the locked package."""
    from lockenv.workflows.syncing.host_system import read_host  # noqa: PLC0415 - start-up

    locked = shop.toolkits.get(name)
    installed = read_host().installed or {}
    here = {version for (package, _), version in installed.items() if package == name}
    version = locked.version if locked is not None else ""
    program = shutil.which("nvcc", path=_SYSTEM_PATH)
    if locked is None or version not in here or program is None:
        has = f"this machine has {', '.join(sorted(here))}" if here else "this machine has none"
        raise HostError(
            "no-nvcc",
            f"the build needs nvcc of {name} {version}".rstrip(),
            why=[f"the lock takes the compiler from the system packages, and {has}"],
            fix=[
                f"apt-get install {name}={version}" if version else "lockenv lock",
                'or lock with sources = { nvcc = "redistributable" } in [cuda]',
            ],
        )
    return Path(program).parents[1]


#: Where a distribution's packages put programs.
_SYSTEM_PATH = "/usr/bin:/usr/local/cuda/bin"


def _release(home: Path) -> str:
    """The release of a toolkit, by its own headers or compiler; empty where nothing tells."""
    for header in (home / "include" / "cuda.h", home / "include" / "cuda_runtime_api.h"):
        try:
            text = header.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found = re.search(r"#define\s+(?:CUDA_VERSION|CUDART_VERSION)\s+(\d+)", text)
        if found:
            number = int(found[1])
            return f"{number // 1000}.{number % 1000 // 10}"
    return ""


def _host_compiler(toolkit: str) -> tuple[str, str]:
    """The newest C and C++ compiler here that a toolkit's nvcc accepts."""
    from lockenv.tables.cuda import drivers  # noqa: PLC0415 - start-up

    row = drivers().host_compiler(toolkit) if toolkit else None
    most = row.gcc if row is not None else _NEWEST_GCC
    found = dict(_compilers(most))
    plain = shutil.which("g++")
    version = _version_of(plain) if plain else None
    if plain and version is not None and version <= most:
        found[version] = (shutil.which("gcc") or "gcc", plain)
    if not found:
        has = f"g++ here is {version}" if version else "there is no g++ here"
        raise HostError(
            "no-host-compiler",
            f"nvcc of CUDA {toolkit} needs a g++ up to {most}",
            why=has,
            fix=f"apt-get install g++-{most}, or lock with a newer toolkit",
        )
    return found[max(found)]


def _compilers(most: int) -> Iterator[tuple[int, tuple[str, str]]]:
    for number in range(_OLDEST_GCC, most + 1):
        gxx, gcc = shutil.which(f"g++-{number}"), shutil.which(f"gcc-{number}")
        if gxx and gcc:
            yield number, (gcc, gxx)


def _version_of(program: str) -> int | None:
    try:
        done = subprocess.run(
            [program, "-dumpversion"], capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    head = done.stdout.decode("ascii", "replace").strip().partition(".")[0]
    return int(head) if head.isdecimal() else None

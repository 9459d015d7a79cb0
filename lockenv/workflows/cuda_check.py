"""CUDA coherence as the lock alone tells it (LE701 to LE704), and this machine against its needs.

Offline and cheap: names, versions and what was recorded; nothing is read from a wheel.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from lockenv.errors import HostError
from lockenv.lockfile import entries_of
from lockenv.model import LOCK_NAME, Finding
from lockenv.tables.cuda_names import CUDA_PLATFORMS
from lockenv.workflows.files import names_in, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockenv.model import Lock, LockedPackage, LockedTarget

#: Repositories of images that bring a toolkit: ``nvidia/cuda``, ``example.com/base-cuda:12``.
_CUDA_IMAGE = re.compile(r"(?:^|[/_-])cuda(?:$|[:@_-]|\d)")
#: How many libraries that do not load are named.
_LIBRARIES = 4
#: A folder for each GPU that the driver serves.
_GPUS = Path("/proc/driver/nvidia/gpus")


def coherence_findings(lock: Lock) -> list[Finding]:
    """Where the CUDA of a target does not go together."""
    found: list[Finding] = []
    for target in lock.targets:
        if target.platform in CUDA_PLATFORMS:
            entries = entries_of(lock, target.name)
            if target.cuda is not None or any(name.startswith("nvidia-") for name in entries):
                found += _of_target(lock, target, entries)
    return found


def _of_target(
    lock: Lock, target: LockedTarget, entries: Mapping[str, LockedPackage]
) -> Iterator[Finding]:
    declared = target.cuda.declared if target.cuda is not None else {}
    if "driver" in declared or "gpus" in declared or "archs" in declared:
        yield from _cpu_builds(target, entries)
    majors = _majors(target, entries)
    if declared.get("majors") != "many" and len(majors) > 1:
        sides = " and ".join(f"CUDA {major} ({names[0]})" for major, names in majors.items())
        yield _finding("LE702", target, f"target {target.name} holds {sides}")
    if majors:
        for image in lock.base_images:
            repository = image.reference.rpartition("@")[0] or image.reference
            if target.name in image.targets and (image.cuda or _CUDA_IMAGE.search(repository)):
                wheel = next(iter(majors.values()))[0]
                message = f"the base image {image.reference} brings CUDA, so do wheels ({wheel})"
                yield _finding("LE703", target, message)
    yield from _same_paths(target, entries)


def _cpu_builds(target: LockedTarget, entries: Mapping[str, LockedPackage]) -> Iterator[Finding]:
    from lockenv.tables.cuda import wheels  # noqa: PLC0415 - start-up: few targets declare CUDA

    for name in sorted(wheels().gpu_projects & set(entries)):
        version = entries[name].version or ""
        local = Version(version).local or "" if version else ""
        has_major = target.cuda is not None and "major" in target.cuda.needs
        if local.startswith("cpu") or not has_major:
            message = f"{name} {version} for target {target.name} is a CPU build"
            yield _finding("LE701", target, message, name)


def _majors(target: LockedTarget, entries: Mapping[str, LockedPackage]) -> dict[str, list[str]]:
    """The CUDA majors of a target's toolkit packages, newest first, each with their names."""
    from lockenv.tables.cuda import components  # noqa: PLC0415 - start-up: few targets have CUDA

    table = components()
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, package in sorted(entries.items()):
        if table.is_runtime(name):
            major = table.major_of(name, package.version)
            if major is not None:
                found[str(major)].append(f"{name} {package.version}")
    needs = target.cuda.needs.get("major", ()) if target.cuda is not None else ()
    for major_text in (needs,) if isinstance(needs, str) else needs:
        found[major_text].append("what its packages need")
    return {major: found[major] for major in sorted(found, key=int, reverse=True)}


def _same_paths(target: LockedTarget, entries: Mapping[str, LockedPackage]) -> Iterator[Finding]:
    """Libraries apart from the toolkit lie in the same place whatever their major."""
    from lockenv.tables.cuda import components  # noqa: PLC0415 - start-up: few targets have CUDA

    for stem in sorted(set(components().standalone_names.values())):
        names = sorted(name for name in entries if re.fullmatch(rf"{re.escape(stem)}-cu\d\d", name))
        if len(names) > 1:
            message = f"{names[0]} and {names[1]} write the same files for target {target.name}"
            yield _finding("LE704", target, message, names[0])


def _finding(code: str, target: LockedTarget, message: str, package: str | None = None) -> Finding:
    return Finding(
        code=code,
        message=f"{message} ({LOCK_NAME})",
        layer="cuda",
        target=target.name,
        package=package,
        file=LOCK_NAME,
        fix="lockenv lock",
    )


def host_shortfalls(target: LockedTarget) -> list[Finding]:
    """Where this machine falls short of a target's CUDA (LE601, LE604); no driver is one too."""
    if target.cuda is None or "driver" not in target.cuda.needs:
        return []
    from lockenv.host import HostProbe, compare, detect_gpus  # noqa: PLC0415 - only with CUDA

    probe = HostProbe()
    for place in (probe.module_version, probe.proc_version):
        # By the way that is witnessed: a remembered answer must not outlive the driver.
        with contextlib.suppress(OSError):
            read_bytes(place)
    with contextlib.suppress(OSError):
        names_in(_GPUS)
    gpus = detect_gpus(probe)
    if gpus.driver is not None:
        return list(compare(gpus, target.cuda, target=target.name))
    needed = target.cuda.needs["driver"]
    return [
        Finding(
            code="LE601",
            layer="host",
            target=target.name,
            message=f"this machine has no NVIDIA driver, target {target.name} needs {needed}",
            fix="take a machine with that driver; without one only imports work",
        )
    ]


def host_notes(target: LockedTarget, *, require: bool) -> list[str]:
    """The same, a line each, before anything is written; `HostError` if the host is required."""
    findings = host_shortfalls(target)
    if findings and require:
        raise HostError(findings[0].code, findings[0].message, fix=findings[0].fix)
    return [f"{finding.code}: {finding.message}" for finding in findings]


def unloadable_notes(site_packages: Path, target: LockedTarget) -> list[str]:
    """The CUDA libraries of an environment that the loader refuses, in one line; needs no GPU."""
    if target.cuda is None or "major" not in target.cuda.needs:
        return []
    libraries = _libraries(site_packages)
    if not libraries:
        return []
    from lockenv.host import unloadable  # noqa: PLC0415 - only for targets with CUDA

    refused = unloadable(libraries)
    if not refused:
        return []
    named = [f"{path.name} ({words})" for path, words in sorted(refused.items())]
    more = f" and {len(named) - _LIBRARIES} more" if len(named) > _LIBRARIES else ""
    return [f"CUDA libraries that do not load here: {'; '.join(named[:_LIBRARIES])}{more}"]


def _libraries(site_packages: Path) -> Sequence[Path]:
    """The toolkit's libraries, what others link first."""
    from lockenv.tables.cuda import components  # noqa: PLC0415 - only for targets with CUDA

    table = components()
    order = ("cudart", "nvrtc", "nvjitlink", "cublas", "cusparse")
    found = [
        path
        for path in site_packages.glob("nvidia/**/*.so*")
        if path.name in table.sonames and path.is_file()
    ]

    def rank(path: Path) -> tuple[int, bool, str]:
        part = table.sonames[path.name].component
        return order.index(part) if part in order else len(order), "Lt" not in path.name, path.name

    return sorted(found, key=rank)

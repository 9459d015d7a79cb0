"""The canonical order and form of a lock's values: the same facts are always the same value."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.model import (
        Artifact,
        Lock,
        LockedBaseImage,
        LockedBuild,
        LockedImage,
        LockedPackage,
        LockedSystemPackage,
        LockedTarget,
        RecordedImage,
    )

T = TypeVar("T", bound="str")


def canonical(lock: Lock) -> Lock:
    """The lock with every list sorted by its stated key and every default spelled one way.

    Packages: name, version, source, targets. Artifacts: name, digest; one without targets serves
    all targets of its entry. Versions sort as text: the order must be stable, not meaningful.
    """
    return replace(
        lock,
        request={name: _unique(lock.request[name]) for name in sorted(lock.request)},
        targets=tuple(sorted(map(_target, lock.targets), key=lambda target: target.name)),
        packages=tuple(sorted(map(_package, lock.packages), key=package_key)),
        builds=tuple(sorted(map(_build, lock.builds), key=_build_key)),
        system_packages=tuple(
            sorted(
                map(_system_package, lock.system_packages),
                key=lambda item: (item.name, item.architecture, item.version, item.targets),
            )
        ),
        system_archives=tuple(
            sorted(
                (
                    replace(
                        item, components=_unique(item.components), targets=_unique(item.targets)
                    )
                    for item in lock.system_archives
                ),
                key=lambda item: (item.name, item.suite, item.date, item.targets),
            )
        ),
        interpreters=tuple(
            sorted(
                (
                    replace(item, artifact=_bare(item.artifact), targets=_unique(item.targets))
                    for item in lock.interpreters
                ),
                key=lambda item: (
                    item.version,
                    item.platform,
                    item.source,
                    item.variant,
                    item.targets,
                ),
            )
        ),
        cuda_components=tuple(
            sorted(
                (
                    replace(
                        item,
                        artifact=replace(item.artifact, targets=()),
                        targets=_unique(item.targets),
                    )
                    for item in lock.cuda_components
                ),
                key=lambda item: (item.name, item.platform, item.version, item.targets),
            )
        ),
        base_images=tuple(
            sorted(
                map(_base_image, lock.base_images),
                key=lambda item: (item.reference, item.platform, item.digest, item.targets),
            )
        ),
        images=tuple(sorted(map(_image, lock.images), key=lambda item: item.key)),
        preferences=tuple(
            sorted(
                set(lock.preferences),
                key=lambda item: (item.name, item.version, item.marker, item.source),
            )
        ),
    )


def package_key(package: LockedPackage) -> tuple[str, ...]:
    """What packages are sorted by: name, version, source, targets."""
    return (package.name, package.version or "", source_of(package), *package.targets)


def source_of(package: LockedPackage) -> str:
    """Where a package comes from, in one word and an address."""
    if package.vcs:
        parts = (package.vcs.type, package.vcs.url, package.vcs.commit, package.vcs.subdirectory)
        return " ".join(part or "" for part in parts)
    if package.directory:
        return f"directory {package.directory.path} {package.directory.subdirectory or ''}"
    if package.archive:
        return f"archive {package.archive_path or package.archive.url or ''}"
    return f"index {package.index or ''}"


def _unique(members: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(set(members)))


def _target(target: LockedTarget) -> LockedTarget:
    return replace(
        target,
        groups=_unique(target.groups),
        extras=_unique(target.extras),
        native_libraries=_unique(target.native_libraries),
    )


def _package(package: LockedPackage) -> LockedPackage:
    targets = _unique(package.targets)
    return replace(
        package,
        wheels=tuple(
            sorted(
                (_serving(wheel, targets) for wheel in package.wheels),
                key=lambda wheel: (wheel.name, wheel.digest, wheel.targets),
            )
        ),
        sdist=_serving(package.sdist, targets) if package.sdist else None,
        archive=_serving(package.archive, targets) if package.archive else None,
        targets=targets,
        groups=_unique(package.groups),
        extras=_unique(package.extras),
        dependencies=_unique(package.dependencies),
        attestation_identities=tuple(
            sorted(
                (dict(sorted(item.items())) for item in package.attestation_identities),
                key=lambda item: tuple(item.items()),
            )
        ),
    )


def _serving(artifact: Artifact, targets: tuple[str, ...]) -> Artifact:
    return replace(artifact, targets=_unique(artifact.targets) or targets)


def _bare(artifact: Artifact | None) -> Artifact | None:
    return replace(artifact, targets=()) if artifact else None


def _build(build: LockedBuild) -> LockedBuild:
    targets = _unique(build.targets)
    packages = (
        replace(package, artifact=_serving(package.artifact, targets)) for package in build.packages
    )
    return replace(
        build,
        targets=targets,
        requires=_unique(build.requires),
        system=_unique(build.system),
        packages=tuple(
            sorted(
                packages,
                key=lambda item: (
                    item.name,
                    item.version,
                    item.artifact.name,
                    item.artifact.targets,
                ),
            )
        ),
    )


def _build_key(build: LockedBuild) -> tuple[str, ...]:
    return (build.name, build.version or "", build.kind, *build.targets)


def _system_package(package: LockedSystemPackage) -> LockedSystemPackage:
    return replace(
        package,
        relations=dict(sorted(package.relations.items())),
        roles=_unique(package.roles),
        requested=_unique(package.requested),
        targets=_unique(package.targets),
    )


def _base_image(image: LockedBaseImage) -> LockedBaseImage:
    return replace(image, targets=_unique(image.targets))


def _image(image: LockedImage) -> LockedImage:
    return replace(
        image,
        targets=_unique(image.targets),
        groups=_unique(image.groups),
        extras=_unique(image.extras),
        settings=_unique(image.settings),
        recorded=tuple(sorted(image.recorded, key=_recorded_key)),
    )


def _recorded_key(recorded: RecordedImage) -> str:
    return recorded.target

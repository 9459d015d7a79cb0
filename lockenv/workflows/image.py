"""``image``: the OCI image that a lock describes, and ``check --image``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import InputError, IntegrityError
from lockenv.host import machine_here
from lockenv.lockfile import render_lock
from lockenv.materialize import (
    BuildPlaces,
    build_image,
    remove_tree,
    top_digest,
    write_archive,
    write_layout,
)
from lockenv.model import (
    LOCK_NAME,
    PLATFORMS,
    Image,
    Origin,
    RecordedImage,
    parse_digest,
)
from lockenv.sandbox import Confinement, check_store, choose_mode
from lockenv.values import dataclass, replace
from lockenv.workflows.choice import Choice, choose_target
from lockenv.workflows.environment import content_of
from lockenv.workflows.files import write_atomically
from lockenv.workflows.image_plan import image_plan
from lockenv.workflows.network import open_network
from lockenv.workflows.sync import open_locked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.materialize import BuiltImage
    from lockenv.model import Lock, LockedTarget
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.sync import Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """What ``image`` is asked."""

    name: str | None = None
    targets: tuple[str, ...] = ()
    output: str | None = None
    push: str | None = None
    form: str = "oci"
    compression: str | None = None
    metadata_file: str | None = None
    record: bool = False
    check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOutcome:
    """The digest that names the image, and what its reader should know."""

    digest: str
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def image(scene: Scene, options: ImageOptions) -> ImageOutcome:
    """Build the image for each target, and put it where it was asked for."""
    mode = building_mode(scene)
    opened, built = built_images(scene, options, mode)
    declared = _declared(opened, options)
    notes = _notes(built)
    if options.check:
        _built_again(scene, opened, declared, built, options, mode)
        notes.append("built again: the same digests")
    digest = top_digest(built)
    lines = [
        f"{layer.name:<20}{layer.size / 1e6:>9.1f} MB  {layer.diff_id}"
        for image_ in built
        for layer in image_.layers
    ]
    lines += _delivered(scene, opened, declared, built, options)
    if options.record:
        _record(scene, opened, declared, options, built)
    if options.metadata_file:
        document = _metadata(built, digest)
        write_atomically(
            scene.directory / options.metadata_file, json.dumps(document, indent=2) + "\n"
        )
    return ImageOutcome(digest=digest, lines=tuple(lines), notes=tuple(notes))


def building_mode(scene: Scene) -> str:
    """How a root can be built on this machine and in its store; HostError, before any work."""
    mode = choose_mode()
    check_store(scene.settings.cache_dir / "image", mode)
    return mode


def built_images(scene: Scene, options: ImageOptions, mode: str) -> tuple[Opened, list[BuiltImage]]:
    """The project and its image for each target, built or from the store."""
    opened = open_locked(scene)
    declared = _declared(opened, options)
    targets = _targets(scene, opened, declared, options)
    return opened, [_built(scene, opened, declared, target, mode) for target in targets]


def _declared(opened: Opened, options: ImageOptions) -> Image:
    """The image's table; the default one where the manifest has none."""
    images = opened.manifest.images if opened.manifest else ()
    key = options.name or ""
    found = next((one for one in images if one.key == key), None)
    if found is None and not key and len(images) == 1:
        found = images[0]
    if found is None and not key and not images:
        file = opened.manifest.file if opened.manifest else "pyproject.toml"
        found = Image(origin=Origin(file))
    if found is None:
        names = ", ".join(one.key or "[image]" for one in images) or "none"
        raise InputError(
            "no-image",
            f"the manifest has no image {key or '[image]'}",
            why=f"it has {names}",
            fix="name one of them",
        )
    if options.compression:
        found = replace(found, compression=options.compression)
    return found


def _targets(
    scene: Scene, opened: Opened, declared: Image, options: ImageOptions
) -> list[LockedTarget]:
    lock = opened.lock
    if options.targets:
        here = machine_here().platform
        return [choose_target(lock, name, platform=here) for name in options.targets]
    candidates = [
        target
        for target in lock.targets
        if PLATFORMS[target.platform].is_linux and not target.environment
    ]
    default = opened.manifest.default_target if opened.manifest else None
    wanted = declared.target or scene.settings.target or default
    if wanted:
        candidates = [one for one in candidates if wanted in {one.name, one.table}] or candidates
    if len(candidates) != 1:
        raise InputError(
            "no-target",
            f"{LOCK_NAME} has {len(candidates)} targets that an image could be for",
            why=[f"{one.name}: {one.platform}" for one in candidates],
            fix="name one with --target, or write target in [image]",
        )
    return candidates


def _built(
    scene: Scene, opened: Opened, declared: Image, target: LockedTarget, mode: str
) -> BuiltImage:
    choice = Choice(target=target.name, groups=declared.groups, extras=declared.extras)
    content = content_of(opened.lock, choice)
    with open_network(scene, opened.manifest) as fetcher:
        plan = image_plan(scene, opened, declared, content, fetcher)
    places = BuildPlaces(
        cache=scene.settings.cache_dir,
        data=scene.settings.data_dir,
        confinement=Confinement(mode),
    )
    return build_image(plan, places, scene.progress)


def _built_again(
    scene: Scene,
    opened: Opened,
    declared: Image,
    built: Sequence[BuiltImage],
    options: ImageOptions,
    mode: str,
) -> None:
    """Build once more with an empty store of layers; `IntegrityError` where a digest differs."""
    import tempfile  # noqa: PLC0415 - only --check needs it

    cache = scene.settings.cache_dir
    # Beside the store, where a root can lie; in a user namespace others own files in it.
    folder = Path(tempfile.mkdtemp(prefix="check-", dir=cache / "image"))
    try:
        (folder / "blobs").symlink_to(cache / "blobs")
        fresh = replace(scene, settings=replace(scene.settings, cache_dir=folder))
        targets = _targets(scene, opened, declared, options)
        again = [_built(fresh, opened, declared, target, mode) for target in targets]
        for first, second in zip(built, again, strict=True):
            _compare(first, second)
    finally:
        remove_tree(folder, Confinement(mode))


def _compare(first: BuiltImage, second: BuiltImage) -> None:
    for one, other in zip(first.layers, second.layers, strict=True):
        if one.diff_id != other.diff_id:
            theirs = {entry.path: entry for entry in other.entries}
            path = next(
                (entry.path for entry in one.entries if theirs.get(entry.path) != entry),
                "its order",
            )
            raise IntegrityError(
                "not-reproducible",
                f"layer {one.name} came out otherwise when it was built again",
                why=[f"first {one.diff_id}", f"then {other.diff_id}", f"first difference: {path}"],
                fix="report it with the package that the path belongs to",
            )
    if first.config != second.config or first.manifest != second.manifest:
        raise IntegrityError(
            "not-reproducible", "the image's documents came out otherwise", fix="report it"
        )


def _notes(built: Sequence[BuiltImage]) -> list[str]:
    notes = []
    for one in built:
        notes += [f"left out {path}: {reason}" for path, reason in one.dropped]
        if one.skipped:
            notes.append(f"scripts that were not run: {', '.join(one.skipped)}")
    return notes


def _delivered(
    scene: Scene,
    opened: Opened,
    declared: Image,
    built: Sequence[BuiltImage],
    options: ImageOptions,
) -> list[str]:
    name = declared.name or opened.root.name
    lines = []
    if options.output:
        place = scene.directory / options.output
        if options.form == "docker" and place.suffix != ".tar":
            raise InputError(
                "usage", "the docker format is one file", fix="name a FILE.tar with --output"
            )
        if place.suffix == ".tar":
            write_archive(built, name, place)
        else:
            write_layout(built, name, place)
        lines.append(f"wrote {options.output}")
    if options.push:
        lines += _pushed(scene, built, options.push)
    return lines


def _pushed(scene: Scene, built: Sequence[BuiltImage], reference: str) -> list[str]:
    from lockenv.workflows.image_push import push_images  # noqa: PLC0415 - only a push needs it

    return push_images(scene, built, reference)


def _metadata(built: Sequence[BuiltImage], digest: str) -> dict[str, object]:
    """What ``--metadata-file`` holds; the first keys are BuildKit's."""
    return {
        "containerimage.digest": digest,
        "images": [
            {
                "architecture": one.architecture,
                "manifest": json.loads(one.manifest),
                "compressor": one.compressor,
                "layers": [
                    {"name": layer.name, "digest": layer.digest, "diff_id": layer.diff_id}
                    for layer in one.layers
                ],
            }
            for one in built
        ],
    }


def _record(
    scene: Scene,
    opened: Opened,
    declared: Image,
    options: ImageOptions,
    built: Sequence[BuiltImage],
) -> None:
    """Write the digests of this build into the lock, beside the image that it was made for."""
    from lockenv.formats.oci import CONFIG_TYPE, describe  # noqa: PLC0415 - likewise
    from lockenv.materialize import NORMALISATION, manifest_descriptor  # noqa: PLC0415 - likewise

    targets = _targets(scene, opened, declared, options)
    recorded = tuple(
        RecordedImage(
            target=target.name,
            project=None,
            normalisation=NORMALISATION,
            diff_ids=tuple(parse_digest(layer.diff_id) for layer in one.layers),
            config=parse_digest(describe(CONFIG_TYPE, one.config).digest),
            manifest=parse_digest(manifest_descriptor(one).digest),
            compressor=one.compressor,
        )
        for target, one in zip(targets, built, strict=True)
    )
    images = [
        replace(one, recorded=recorded) if one.key == declared.key else one
        for one in opened.lock.images
    ]
    if not any(one.key == declared.key for one in images):
        raise InputError(
            "no-image",
            f"{LOCK_NAME} has no image to record digests for",
            fix="declare [image] in the manifest, then lockenv lock",
        )
    lock: Lock = replace(opened.lock, images=tuple(images))
    write_atomically(opened.root / LOCK_NAME, render_lock(lock))
    if opened.manifest is not None and opened.manifest.exports:
        from lockenv.workflows.export import refresh_exports  # noqa: PLC0415 - likewise

        refresh_exports(lock, opened.manifest, opened.root)

"""The digests that ``image --record`` writes into the lock, and how a build is held to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import DriftError, InputError, IntegrityError
from lockenv.formats.oci import CONFIG_TYPE, describe, parse_config
from lockenv.lockfile import render_lock
from lockenv.materialize import NORMALISATION, manifest_descriptor
from lockenv.model import LOCK_NAME, RecordedImage, parse_digest
from lockenv.values import replace
from lockenv.workflows.choice import Choice
from lockenv.workflows.environment import content_of
from lockenv.workflows.files import write_atomically
from lockenv.workflows.imaging.plan import projection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.materialize import BuiltImage
    from lockenv.model import Digest, Image, Lock, LockedImage, LockedTarget
    from lockenv.workflows.opened import Opened


def recorded_of(lock: Lock, image: Image, target: LockedTarget) -> RecordedImage | None:
    """What the lock has recorded of an image for a target, under our rules of normalisation."""
    found = next((one for one in lock.images if one.key == image.key), None)
    for one in found.recorded if found else ():
        if one.target == target.name and one.normalisation == NORMALISATION:
            return one
    return None


def hold(recorded: RecordedImage, built: BuiltImage, project: Digest | None) -> None:
    """Refuse a build that is not the recorded one.

    `DriftError` where only the project's files moved, `IntegrityError` for anything else. Digests
    of the manifest are only compared where the compressor is the same.
    """
    config = describe(CONFIG_TYPE, built.config).digest
    manifest = manifest_descriptor(built).digest
    same = built.compressor != recorded.compressor or manifest == str(recorded.manifest)
    if config == str(recorded.config) and same:
        return
    fix = "lockenv image --record, if the change is intended"
    if recorded.project is not None and project != recorded.project:
        raise DriftError(
            "LE505",
            f"the project's files are not those of the image that {LOCK_NAME} records",
            why=(f"recorded {recorded.project}", f"here     {project}"),
            fix=fix,
        )
    why = [f"recorded {recorded.config}", f"built    {config}"]
    names = parse_config(built.config, "the image").history
    for number, layer in enumerate(built.layers):
        known = recorded.diff_ids[number] if number < len(recorded.diff_ids) else None
        if str(known) != layer.diff_id:
            why = [
                f"layer {names[number].removeprefix('lockenv: ')}",
                f"recorded {known}",
                f"built    {layer.diff_id}",
            ]
            break
    raise IntegrityError(
        "not-as-recorded", f"the image is not the one that {LOCK_NAME} records", why=why, fix=fix
    )


def write_record(
    opened: Opened,
    image: Image,
    built: Sequence[tuple[LockedTarget, BuiltImage]],
    project: Digest | None,
) -> None:
    """Write the digests of a build into the lock; those of targets not built now stay."""
    fresh = {
        target.name: RecordedImage(
            target=target.name,
            project=project,
            normalisation=NORMALISATION,
            diff_ids=tuple(parse_digest(layer.diff_id) for layer in one.layers),
            config=parse_digest(describe(CONFIG_TYPE, one.config).digest),
            manifest=parse_digest(manifest_descriptor(one).digest),
            compressor=one.compressor,
        )
        for target, one in built
    }
    images = []
    for entry in opened.lock.images:
        if entry.key == image.key:
            kept = {one.target: one for one in entry.recorded} | fresh
            entry = replace(entry, recorded=tuple(kept[name] for name in sorted(kept)))  # noqa: PLW2901 - the same entry, completed
        images.append(entry)
    if not any(one.key == image.key for one in images):
        raise InputError(
            "no-image",
            f"{LOCK_NAME} has no image to record digests for",
            fix="declare [image] in the manifest, then lockenv lock",
        )
    lock: Lock = replace(opened.lock, images=tuple(images))
    write_atomically(opened.root / LOCK_NAME, render_lock(lock))
    if opened.manifest is not None and opened.manifest.exports:
        from lockenv.workflows.export import refresh_exports  # noqa: PLC0415 - few have any

        refresh_exports(lock, opened.manifest, opened.root)


def with_current_records(former: Lock | None, new: Lock) -> Lock:
    """The new lock without the digests of images whose content moved since they were recorded."""
    if former is None or not any(one.recorded for one in new.images):
        return new
    images = tuple(
        replace(
            image,
            recorded=tuple(
                one
                for one in image.recorded
                if _content(former, image, one.target) == _content(new, image, one.target)
            ),
        )
        for image in new.images
    )
    return replace(new, images=images)


def _content(lock: Lock, image: LockedImage, target: str) -> tuple[str, str] | None:
    """What an image holds of a lock: its environment, and the projection that lies in it."""
    if not any(one.name == target for one in lock.targets):
        return None
    content = content_of(lock, Choice(target=target, groups=image.groups, extras=image.extras))
    return str(content.digest), projection(lock, target, content)

"""What exports of an image need: the declared image, its target, and its reference by digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.interchange import Runnable
from lockenv.lockfile import target_of
from lockenv.model import LOCK_NAME, PLATFORMS, Image, Origin
from lockenv.workflows.choice import Choice, choose, choose_target
from lockenv.workflows.environment import content_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.interchange import Option
    from lockenv.model import Lock, LockedTarget, Manifest
    from lockenv.workflows.environment import Content
    from lockenv.workflows.selection import AskedSelection

_WITH_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}\Z")


def runnable(
    lock: Lock,
    manifest: Manifest | None,
    name: str,
    asked: AskedSelection,
    options: Mapping[str, Option],
    *,
    environment_target: str | None,
    needs_reference: bool,
) -> tuple[Runnable, Content]:
    """A declared image as something that runs, and what it holds.

    The option ``image`` names a declared image, or is a reference with a digest. InputError where
    no digest is known: what runs in a cluster must be what was locked.
    """
    said = options.get("image")
    said = said if isinstance(said, str) else ""
    reference = said if "@" in said or "/" in said else ""
    declared = _declared(manifest, "" if reference else said)
    target = _target(lock, manifest, declared, asked.target or environment_target)
    content = image_content(lock, manifest, declared, target, asked)
    if needs_reference:
        reference = _reference(lock, declared, target, reference)
    run = Runnable(
        name=name if not declared.key else f"{name}-{declared.key}",
        image=reference,
        declared=declared,
        platform=target_of(target).platform,
        environment=content.digest,
        cuda=target.cuda,
        packages=frozenset(one.name for one in content.selection.packages),
        options=options,
    )
    return run, content


def image_content(
    lock: Lock,
    manifest: Manifest | None,
    declared: Image,
    target: LockedTarget,
    asked: AskedSelection,
) -> Content:
    """What the image installs; groups and extras that were named stand in for the declared ones."""
    if asked.is_silent:
        choice = Choice(target=target.name, groups=declared.groups, extras=declared.extras)
    else:
        choice = choose(lock, asked, platform=target.platform, manifest=manifest)
    return content_of(lock, choice)


def _declared(manifest: Manifest | None, key: str) -> Image:
    images = manifest.images if manifest else ()
    found = next((one for one in images if one.key == key), None)
    if found is None and not key:
        file = manifest.file if manifest else "pyproject.toml"
        found = images[0] if len(images) == 1 else None if images else Image(origin=Origin(file))
    if found is None:
        names = ", ".join(one.key or "[image]" for one in images) or "none"
        raise InputError(
            "no-image",
            f"the manifest has no image {key or '[image]'}",
            why=f"it has {names}",
            fix="name one of them with --image, or a reference with its digest",
        )
    return found


def _target(
    lock: Lock, manifest: Manifest | None, declared: Image, asked: str | None
) -> LockedTarget:
    """The target of an image, whatever machine asks: named, declared, default, or the only one."""
    candidates = [
        one for one in lock.targets if PLATFORMS[one.platform].is_linux and not one.environment
    ]
    if asked and asked != "auto":
        platform = candidates[0].platform if candidates else "linux-x86_64"
        found = choose_target(lock, asked, platform=platform)
        candidates = [found] if PLATFORMS[found.platform].is_linux else []
    wanted = declared.target or (manifest.default_target if manifest else None)
    if wanted and len(candidates) > 1:
        candidates = [one for one in candidates if wanted in {one.name, one.table}] or candidates
    if len(candidates) != 1:
        raise InputError(
            "no-target",
            f"{LOCK_NAME} has {len(candidates)} targets that an image could be for",
            why=[f"{one.name}: {one.platform}" for one in candidates or lock.targets],
            fix="name one with --target, or write target in [image]",
        )
    return candidates[0]


def _reference(lock: Lock, declared: Image, target: LockedTarget, asked: str) -> str:
    """The image by digest: as asked, or as recorded in the lock under its declared name."""
    if asked:
        if not _WITH_DIGEST.match(asked):
            raise InputError(
                "no-digest",
                f"{asked[:200]} carries no digest, so it may be another image tomorrow",
                fix=f"name {asked.partition('@')[0][:200]}@sha256:…",
            )
        return asked
    name = (declared.name or "").partition("@")[0]
    locked = next((one for one in lock.images if one.key == declared.key), None)
    recorded = locked.recorded if locked else ()
    found = next((one for one in recorded if one.target == target.name), None)
    if found is None or not name:
        what = f"image {declared.key}" if declared.key else "the image"
        missing = "has no name to pull it by" if found else "has no digest recorded in the lock"
        said = f" {declared.key}" if declared.key else ""
        place = name or "REGISTRY/NAME"
        raise InputError(
            "no-digest",
            f"{what} {missing}",
            fix=[
                f"lockenv image{said} --push {place} --record"
                if found is None
                else 'write name = "REGISTRY/NAME" in [image]',
                "or name an image with --image REFERENCE@sha256:…",
            ],
        )
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}@{found.manifest}"

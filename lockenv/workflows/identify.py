"""``id``: the environment digest of a selection or of a declared image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.host import machine_here
from lockenv.model import LOCK_NAME
from lockenv.workflows.choice import Choice, choose
from lockenv.workflows.environment import content_of
from lockenv.workflows.opened import open_locked

if TYPE_CHECKING:
    from lockenv.model import Lock
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.selection import AskedSelection


def identify(scene: Scene, asked: AskedSelection, image: str | None) -> str:
    """The digest, as ``sha256:…``. The lock alone decides; it must answer the manifest."""
    opened = open_locked(scene)
    if image is not None:
        choice = image_choice(opened.lock, image, asked.target)
    else:
        choice = choose(
            opened.lock,
            asked,
            platform=machine_here().platform,
            environment_target=scene.settings.target,
            manifest=opened.manifest,
        )
    return str(content_of(opened.lock, choice).digest)


def image_choice(lock: Lock, key: str, target: str | None) -> Choice:
    """What a declared image installs; ``key`` is empty for the one that has no name."""
    found = next((image for image in lock.images if image.key == key), None)
    if found is None:
        names = ", ".join(image.key or "[image]" for image in lock.images) or "none"
        raise InputError(
            "no-image",
            f"{LOCK_NAME} has no image {key or '[image]'}",
            why=f"it has {names}",
            fix="declare it in the manifest, then lockenv lock",
        )
    targets = [name for name in found.targets if target in {None, name}]
    if len(targets) != 1:
        raise InputError(
            "no-target",
            f"image {key or '[image]'} is for {', '.join(found.targets) or 'no target'}",
            fix="name one with --target",
        )
    return Choice(target=targets[0], groups=found.groups, extras=found.extras)

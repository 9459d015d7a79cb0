"""``image``: the OCI image that a lock describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.fetch import using_store
from lockenv.materialize import remove_rotten, remove_tree, top_digest
from lockenv.model import PLATFORMS, Image
from lockenv.sandbox import Confinement
from lockenv.values import dataclass, replace
from lockenv.workflows.environment import content_of
from lockenv.workflows.files import write_atomically
from lockenv.workflows.imaging.asked import check_places
from lockenv.workflows.imaging.job import (
    Job,
    build_for,
    building_mode,
    choice_of,
    chosen_targets,
    declared_image,
)
from lockenv.workflows.imaging.project_files import project_digest, project_files
from lockenv.workflows.imaging.record import hold, recorded_of, write_record
from lockenv.workflows.opened import open_locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.materialize import BuiltImage
    from lockenv.model import Digest, LockedTarget
    from lockenv.workflows.environment import Content
    from lockenv.workflows.image_options import ImageOptions
    from lockenv.workflows.opened import Opened
    from lockenv.workflows.scene import Scene


#: How often layers that a disk spoils are made again.
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOutcome:
    """The digest that names the image, and what its reader should know."""

    digest: str
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def image(scene: Scene, options: ImageOptions) -> ImageOutcome:
    """Build the image for each target, and put it where it was asked for."""
    with using_store(scene.settings.cache_dir):
        return _image(scene, options)


def _image(scene: Scene, options: ImageOptions) -> ImageOutcome:
    opened = open_locked(scene)
    declared = declared_image(opened, options)
    targets = chosen_targets(scene, opened, declared, options)
    check_places(scene, options, targets)
    place = _Place(scene, opened, declared, tuple(targets), options)
    if options.if_missing:
        there = place.already_there()
        if there is not None:
            return ImageOutcome(digest=there, notes=("it is there already: nothing was built",))
    built, mended = place.sound()
    notes = [*mended, *_notes(built)]
    if not options.record:
        place.hold(built)
    if options.check:
        _built_again(place, built)
        notes.append("built again: the same digests")
    lines = [
        f"{layer.name:<20}{layer.size / 1e6:>9.1f} MB  {layer.diff_id}"
        for image_ in built
        for layer in image_.layers
    ]
    lines += place.delivered(built)
    if options.record:
        write_record(opened, declared, list(zip(targets, built, strict=True)), place.project)
    return ImageOutcome(digest=top_digest(built), lines=tuple(lines), notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class _Place:
    """One ``image``: what is built, for which targets, and where it goes."""

    scene: Scene
    opened: Opened
    declared: Image
    targets: tuple[LockedTarget, ...]
    options: ImageOptions

    @property
    def name(self) -> str:
        return self.declared.name or self.opened.root.name.lower()

    @property
    def project(self) -> Digest | None:
        """The digest of the project's files, where the image holds them."""
        if not self.declared.project:
            return None
        return project_digest(list(project_files(self.opened.root)))

    def built(self, scene: Scene | None = None) -> list[BuiltImage]:
        """The images, built or from the store; in a container where one was asked for."""
        scene = scene or self.scene
        if self.options.builder != "local":
            from lockenv.workflows.imaging.builder import built_inside  # noqa: PLC0415 - few ask

            job = Job(self.opened, self.declared, self.options.builder, self.options.bundle)
            return built_inside(scene, job, self.targets)
        job = Job(self.opened, self.declared, building_mode(scene), self.options.bundle)
        return [build_for(scene, job, target) for target in self.targets]

    def sound(self) -> tuple[list[BuiltImage], list[str]]:
        """The images, read whole where they are to leave the store; what was mended for it."""
        built, notes = self.built(), list[str]()
        options = self.options
        if not (options.output or options.push or options.load):
            return built, notes
        for _ in range(_TRIES):
            rotten = remove_rotten(layer for one in built for layer in one.layers)
            if not rotten:
                break
            notes.append(f"damaged in the store, made again: {', '.join(rotten)}")
            built = self.built()
        return built, notes

    def hold(self, built: Sequence[BuiltImage]) -> None:
        """Compare a build with the digests that the lock records, where it does."""
        for target, one in zip(self.targets, built, strict=True):
            recorded = recorded_of(self.opened.lock, self.declared, target)
            if recorded is not None:
                hold(recorded, one, self.project)

    def already_there(self) -> str | None:
        """The digest of the recorded image, where the place that was named has it already.

        What an engine loads and what a file tells of it are made of the image itself.
        """
        if len(self.targets) != 1 or self.options.load or self.options.metadata_file:
            return None
        recorded = recorded_of(self.opened.lock, self.declared, self.targets[0])
        if recorded is None or (recorded.project is not None and recorded.project != self.project):
            return None
        from lockenv.workflows.imaging.use import is_there  # noqa: PLC0415 - few ask

        places = [one for one in (self.options.push, self.options.output) if one]
        architecture = PLATFORMS[self.targets[0].platform].oci_architecture
        if places and all(
            is_there(self.scene, one, architecture, str(recorded.config)) for one in places
        ):
            return str(recorded.manifest)
        return None

    def delivered(self, built: Sequence[BuiltImage]) -> list[str]:
        """Put the images where they were asked for; a line each."""
        options = self.options
        if not (options.output or options.push or options.load or options.metadata_file):
            return []
        from lockenv.workflows.imaging import deliver  # noqa: PLC0415 - loads exports

        attached = [
            deliver.attached_documents(self.opened.lock, self._content(target).selection, self.name)
            for target in self.targets
        ]
        lines = []
        if options.output:
            lines.append(
                deliver.write_output(self.scene, built, self.name, options.output, attached)
            )
        if options.push:
            from lockenv.workflows.imaging.push import push_images  # noqa: PLC0415 - loads the network

            lines += push_images(self.scene, built, options.push, attached)
        if options.load:
            lines.append(deliver.load_image(built, self.name))
        if options.metadata_file:
            text = json.dumps(deliver.metadata(built, self.name), indent=2) + "\n"
            write_atomically(self.scene.directory / options.metadata_file, text)
        return lines

    def _content(self, target: LockedTarget) -> Content:
        return content_of(self.opened.lock, choice_of(self.declared, target))


def _built_again(place: _Place, built: Sequence[BuiltImage]) -> None:
    """Build once more with an empty store of layers; `IntegrityError` where a digest differs."""
    import tempfile  # noqa: PLC0415 - only --check needs it

    cache = place.scene.settings.cache_dir
    # Beside the store, where a root can lie; in a user namespace others own files in it.
    (cache / "image").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="check-", dir=cache / "image"))
    try:
        (folder / "blobs").symlink_to(cache / "blobs")
        fresh = replace(place.scene, settings=replace(place.scene.settings, cache_dir=folder))
        for first, second in zip(built, place.built(fresh), strict=True):
            _compare(first, second)
    finally:
        remove_tree(folder, Confinement(building_mode(place.scene)))


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
        notes += [*_skipped(one), *one.notes]
    return notes


def _skipped(built: BuiltImage) -> Iterator[str]:
    """What `scripts = "none"` left undone: by what scripts would have called, with the packages."""
    if not built.skipped:
        return
    packages: dict[str, list[str]] = {}
    for line in built.skipped:
        package, _, calls = (part.strip() for part in line.rsplit(": ", 2))
        for call in calls.split(", "):
            packages.setdefault(call, []).append(package)
    yield (
        f"the scripts of {len(built.skipped)} packages were not run; accounts, the linker's cache, "
        "alternatives and the bundle of certificates were made without them"
    )
    for call, names in sorted(packages.items()):
        if call:
            yield f"not done, {call}: {', '.join(names)}"

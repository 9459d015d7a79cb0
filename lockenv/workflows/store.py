"""The store: its size, what may go, what is damaged, filling it (``cache``, ``fetch``)."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError
from lockenv.fetch import alone_at_store, shelf_path
from lockenv.lockfile import parse_lock, render_size
from lockenv.values import dataclass
from lockenv.workflows.choice import choose_target
from lockenv.workflows.environment import wanted_file, wanted_interpreter
from lockenv.workflows.files import copy_whole, read_text
from lockenv.workflows.network import open_network
from lockenv.workflows.opened import open_locked
from lockenv.workflows.registry import registered_digests
from lockenv.workflows.seen import MADE_NAME
from lockenv.workflows.syncing.trees import TREES, prune_trees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.fetch import StoreFetcher
    from lockenv.model import Lock, Wanted
    from lockenv.workflows.scene import Scene

_KINDS = ("pages", "facts", "blobs", "unpacked", "git", "image")
#: What images are made of and can be made of again.
_LAYERS = ("fragments", "layers")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """What to fetch, and where a bundle goes."""

    targets: tuple[str, ...] = ()
    all_targets: bool = False
    output: str | None = None
    since: str | None = None
    push: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOutcome:
    """What was found damaged; status 4 if anything was."""

    lines: tuple[str, ...]
    status: int


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield entry


def store_size(scene: Scene) -> list[str]:
    """Bytes by kind, and all together; a file with several links counts once."""
    lines = []
    total = 0
    places = {kind: scene.settings.cache_dir / kind for kind in _KINDS}
    places["trees"] = scene.settings.data_dir / TREES
    places["interpreters"] = scene.settings.data_dir / "interpreters"
    seen: set[int] = set()
    for kind, folder in places.items():
        size = 0
        for entry in _files(folder):
            found = entry.stat(follow_symlinks=False)
            if found.st_ino not in seen:
                seen.add(found.st_ino)
                size += found.st_size
        total += size
        lines.append(f"{kind:<13}{render_size(size):>10}")
    lines.append(f"{'all':<13}{render_size(total):>10}")
    return lines


def prune_store(scene: Scene, *, everything: bool) -> list[str]:
    """Remove what no registered environment uses; with ``everything`` all that can be had again.

    Waits until no other command uses the store, and lets none begin meanwhile.
    """

    def say() -> None:
        scene.progress.note("waiting for commands that use the store")

    with alone_at_store(scene.settings.cache_dir, say):
        freed = _prune(scene, everything=everything)
        size, kept = _prune_roots(scene.settings.cache_dir / "image")
        in_use = f"; kept {len(kept)} image roots that commands run in" if kept else ""
        return [f"freed {render_size(freed + size)}{in_use}"]


def _prune_roots(folder: Path) -> tuple[int, tuple[str, ...]]:
    """Remove the roots of images, which are made again from layers, and what killed builds left.

    How many bytes that freed, and the roots that stay, as commands run in them.
    """
    if not folder.exists():
        return 0, ()
    # Only here, as images load much. Files of a root may be owned by sub-ids.
    from lockenv.materialize import remove_tree, remove_unused_roots  # noqa: PLC0415
    from lockenv.sandbox import Confinement, choose_mode  # noqa: PLC0415

    before = sum(one.stat(follow_symlinks=False).st_size for one in _files(folder))
    try:
        confinement = Confinement(choose_mode())
    except HostError:  # then nobody built a root here
        confinement = Confinement("chroot")
    for leftover in (folder / "work", *folder.glob("check-*")):
        remove_tree(leftover, confinement)
    kept = remove_unused_roots(folder / "roots", lambda root: remove_tree(root, confinement))
    after = sum(one.stat(follow_symlinks=False).st_size for one in _files(folder))
    return before - after, kept


def _prune(scene: Scene, *, everything: bool) -> int:
    """How many bytes were freed."""
    cache = scene.settings.cache_dir
    used = set() if everything else registered_digests(scene.settings.data_dir)
    freed = prune_trees(scene.settings.data_dir)
    for entry in list(_files(cache / "blobs")):
        path = Path(entry.path)
        if path.name not in used:
            freed += entry.stat().st_size
            path.unlink(missing_ok=True)
    for folder in _unpacked(cache, everything=everything):
        if folder.name not in used:
            freed += sum(one.stat(follow_symlinks=False).st_size for one in _files(folder))
            _remove(folder)
    if everything:
        for folder in (cache / "git", *(cache / "image" / kind for kind in _LAYERS)):
            freed += sum(one.stat(follow_symlinks=False).st_size for one in _files(folder))
            _remove(folder)
    for kind in ("pages", *(["facts"] if everything else [])):
        for entry in list(_files(cache / kind)):
            freed += entry.stat().st_size
            Path(entry.path).unlink(missing_ok=True)
    return freed


def _unpacked(cache: Path, *, everything: bool) -> Iterator[Path]:
    """The folders of unpacked wheels, and what killed commands left beside them."""
    for shelf in sorted((cache / "unpacked").glob("*")):
        if shelf.name == MADE_NAME:
            # Two small files that all packages have: they go with the last package.
            yield from [shelf] if everything else []
        else:
            yield from [shelf] if shelf.name.startswith(".") else sorted(shelf.iterdir())


def _remove(folder: Path) -> None:
    """Remove a folder whole: renamed first, so that nobody finds half of it."""
    away = folder.with_name(f".old-{folder.name}-{os.getpid()}")
    try:
        folder.rename(away)
    except OSError:
        away = folder
    shutil.rmtree(away, ignore_errors=True)


def verify_store(scene: Scene) -> VerifyOutcome:
    """Compare every blob and every unpacked file with its digest; remove what differs."""
    from lockenv.materialize import (  # noqa: PLC0415 - only this command needs them
        UnpackedStore,
        check_layers,
    )
    from lockenv.model import Digest  # noqa: PLC0415 - likewise

    cache = scene.settings.cache_dir
    lines = []
    count = 0
    for entry in list(_files(cache / "blobs" / "sha256")):
        count += 1
        path = Path(entry.path)
        if _sha256(path) != path.name:
            path.unlink(missing_ok=True)
            lines.append(f"damaged, removed: blob {path.name}")
    unpacked = UnpackedStore(cache / "unpacked")
    for shelf in sorted((cache / "unpacked").glob("[0-9a-f]*")):
        for folder in sorted(shelf.iterdir()):
            count += 1
            index = unpacked.index(Digest("sha256", folder.name))
            if index is None or any(
                _sha256(Path(index.files_folder) / file.path) != file.digest for file in index.files
            ):
                _remove(folder)
                lines.append(f"damaged, removed: unpacked {folder.name}")
    made = (cache / "unpacked").glob(f"*/*/{MADE_NAME}/*")
    for file in sorted([*(cache / "unpacked" / MADE_NAME).glob("*"), *made]):
        # Named by what is in it; whoever needs it next makes it anew.
        if not file.name.startswith(".") and _sha256(file) != file.name:
            file.unlink(missing_ok=True)
            lines.append(f"damaged, removed: {MADE_NAME} {file.name}")
    read, rotten = check_layers(cache)
    lines += [f"damaged, removed: {one}" for one in rotten]
    lines.append(f"{count + read} entries read, {len(lines)} damaged")
    return VerifyOutcome(lines=tuple(lines), status=4 if len(lines) > 1 else 0)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def fetch_all(scene: Scene, options: FetchOptions) -> list[str]:
    """Every file that the lock names, into the store or into a bundle."""
    opened = open_locked(scene)
    lock = opened.lock
    known = _digests_of(scene, options.since)
    targets = _targets(scene, lock, options)
    wanted = {
        one.digest.hex: one
        for one in wanted_of(lock, targets, str(opened.root))
        if one.digest.hex not in known
    }
    lines = []
    with open_network(scene, opened.manifest) as fetcher:
        scene.progress.started("fetch", len(wanted))
        size = 0
        have: list[tuple[Wanted, Path]] = []
        for one, path in fetcher.blobs(list(wanted.values())):
            size += path.stat().st_size
            scene.progress.advanced("fetch", one.name)
            if options.output is not None:
                copy_whole(path, scene.directory / options.output / shelf_path(one.digest))
            have.append((one, path))
        for one, path in _base_files(scene, lock, set(targets), fetcher):
            if one.digest.hex not in known and one.digest.hex not in wanted:
                wanted[one.digest.hex] = one
                size += path.stat().st_size
                if options.output is not None:
                    copy_whole(path, scene.directory / options.output / shelf_path(one.digest))
                have.append((one, path))
        scene.progress.finished("fetch")
    _fetch_commits(scene, lock, set(targets), options.output)
    place = options.output or "the store"
    lines.append(f"{len(wanted)} files, {render_size(size)}, in {place}")
    if options.push is not None:
        # Its clients are heavy, and few push.
        from lockenv.workflows.shared import push_files  # noqa: PLC0415 - start-up

        lines.append(f"{options.push}: {push_files(scene, have, options.push)}")
    return lines


def _fetch_commits(scene: Scene, lock: Lock, targets: set[str], output: str | None) -> None:
    """What is built from commits: their checkouts, and in a bundle the repositories."""
    from lockenv.workflows.syncing.build_steps import git_repositories  # noqa: PLC0415 - start-up

    for package in lock.packages:
        if package.vcs is not None and targets & set(package.targets):
            repositories = git_repositories(scene)
            repositories.checkout(package.vcs.url, package.vcs.commit)
            if output is not None:
                into = scene.directory / output / "git"
                repositories.export(package.vcs.url, package.vcs.commit, into)


def _targets(scene: Scene, lock: Lock, options: FetchOptions) -> list[str]:
    if options.all_targets:
        return [target.name for target in lock.targets]
    from lockenv.host import machine_here  # noqa: PLC0415 - only where nothing is named

    platform = machine_here().platform
    names = options.targets or (scene.settings.target,)
    return [choose_target(lock, name, platform=platform).name for name in names]


def _digests_of(scene: Scene, since: str | None) -> set[str]:
    if since is None:
        return set()
    text = read_text(scene.directory / since)
    if text is None:
        raise InputError("no-lock", f"there is no {since}", fix="name a lock")
    old = parse_lock(text, name=since)
    every = [target.name for target in old.targets]
    return {one.digest.hex for one in wanted_of(old, every, "")}


def wanted_of(lock: Lock, targets: list[str], root: str) -> Iterator[Wanted]:
    """Every file that the targets install or build with, wherever it is from."""
    chosen = set(targets)
    for package in lock.packages:
        for artifact in (*package.wheels, package.sdist, package.archive):
            if artifact is not None and chosen & set(artifact.targets or package.targets):
                yield wanted_file(artifact, package, root)
    from lockenv.workflows.syncing.build_steps import wanted_member  # noqa: PLC0415 - start-up

    for build in lock.builds:
        for member in build.packages:
            if chosen & set(member.artifact.targets):
                yield wanted_member(member, root)
    yield from _lower_layers(lock, chosen)


def _lower_layers(lock: Lock, chosen: set[str]) -> Iterator[Wanted]:
    """The files of the layers below Python's packages."""
    if lock.cuda_components:
        from lockenv.workflows.syncing.cuda_tools import wanted_component  # noqa: PLC0415 - start-up

        for component in lock.cuda_components:
            if chosen & set(component.targets):
                yield wanted_component(component)
    for interpreter in lock.interpreters:
        if interpreter.artifact is not None and chosen & set(interpreter.targets):
            yield wanted_interpreter(interpreter.artifact)
    if lock.system_packages:
        from lockenv.sources.debian import wanted_package  # noqa: PLC0415 - start-up

        states = {state.key: state for state in lock.system_archives}
        for deb in lock.system_packages:
            if chosen & set(deb.targets):
                yield wanted_package(deb, states[deb.archive])


def _base_files(
    scene: Scene, lock: Lock, targets: set[str], fetcher: StoreFetcher
) -> Iterator[tuple[Wanted, Path]]:
    """The manifests, configs and layers of the base images, pulled into the store."""
    for image in lock.base_images:
        if targets & set(image.targets):
            from lockenv.workflows.locking.base_images import base_files  # noqa: PLC0415 - few have one

            yield from base_files(scene, fetcher, image)

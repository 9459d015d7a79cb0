"""``sync``: make or repair the environment from the lock; never relocks (contract 4)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError
from lockenv.host import fits, machine_here
from lockenv.lockfile import target_of
from lockenv.materialize import (
    UnpackedStore,
    VenvPython,
    WantedEnvironment,
    WantedPackage,
    WriteOptions,
    distrust,
    layout_of,
    plan,
    read_installed,
    selection_texts,
    verify_venv,
    without,
    write_venv,
)
from lockenv.values import dataclass, replace
from lockenv.workflows.choice import Choice, choose
from lockenv.workflows.environment import Content, content_of, wanted_file, wanted_package
from lockenv.workflows.locking.overlaps import overlaps_locked
from lockenv.workflows.network import open_network
from lockenv.workflows.opened import Opened, open_locked
from lockenv.workflows.registry import (
    forget_damage,
    is_damaged,
    note_damage,
    register,
)
from lockenv.workflows.selection import SILENT_SELECTION, AskedSelection
from lockenv.workflows.syncing.build_steps import unpack_all
from lockenv.workflows.syncing.building import (
    as_selected,
    built_package,
    built_project,
    installed_package,
    workshop,
)
from lockenv.workflows.syncing.cuda_notes import later_notes, loading_notes, touches_cuda
from lockenv.workflows.syncing.interpreters import interpreter_for, is_path, still_answers
from lockenv.workflows.syncing.parts import Parts
from lockenv.workflows.syncing.trees import forget_list, make_from_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.materialize import Installed, Plan
    from lockenv.model import Digest, Finding, Lock
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.syncing.build_steps import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What ``sync`` is asked."""

    selection: AskedSelection = SILENT_SELECTION
    inexact: bool = False
    project: bool = True
    editable: bool = True
    dry_run: bool = False
    venv: str | None = None
    link_mode: str | None = None
    frozen: bool = False
    bundle: str | None = None
    require_host: bool = False
    python: str | None = None
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOutcome:
    """What changed, a line each, what the user should know, and where the environment is.

    ``key`` is that of the wish which the environment now answers. ``seen`` says how to make the
    same in another folder with the same files; empty where it is not known.
    ``asks_host``: what was done hangs on this machine's driver and GPUs, which may be others
    the next time.
    """

    root: Path
    key: str
    python: VenvPython
    digest: Digest
    plan: Plan
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    summary: str
    seen: str = ""
    asks_host: bool = False


def sync(scene: Scene, options: SyncOptions) -> SyncOutcome:
    """Make the environment hold what the lock says, every file verified; say what changed."""
    opened = open_locked(scene, frozen=options.frozen)
    root = venv_root(scene, opened.root, options.venv)
    installed = read_installed(root)
    choice = choice_of(scene, opened, options, installed)
    content = content_of(opened.lock, choice)
    notes = host_notes(content, require=options.require_host)
    notes += deb_notes(opened.lock, content)
    with open_network(scene, opened.manifest, bundle=options.bundle) as fetcher:
        python, note = interpreter_for(
            scene,
            content.interpreter,
            fetcher,
            recorded=_recorded(installed, freethreaded=is_freethreaded(content)),
            named=options.python if options.python and is_path(options.python) else None,
        )
        notes += [note] if note else []
        shop = workshop(
            *(scene, fetcher, python, opened.lock, choice.target),
            root=opened.root,
            bundle=options.bundle,
        )
        wanted = wanted_by(shop, opened, content, choice, root, options)
        if not options.dry_run and is_damaged(scene.settings.data_dir, root):
            installed = _without_damage(scene, root, wanted)
        todo = plan(installed, wanted, exact=not options.inexact)
        tree = None
        if not options.dry_run:
            if todo.wheels:
                # What the store has already: a tree of it would bring no wheel to be read.
                notes += later_notes(opened.lock, content.selection, shop.unpacked.index, fetcher)
            tree = _from_tree(scene, opened, content, options, installed, wanted, shop)
            rest = todo if tree is None else plan(read_installed(root), wanted)
            needed = {one.digest for one in rest.wheels}
            parts = Parts(shop.unpacked)
            parts.leave(digest for digest in needed if not shop.unpacked.has(digest))
            unpacked = unpack_all(
                shop,
                [
                    wanted_file(one.artifact, one.package, str(opened.root))
                    for one in content.wheels
                    if one.artifact is not None and one.artifact.digest in needed
                ],
                extra=[one for one in wanted.packages if one.digest in needed],
            )
            if unpacked:
                told = later_notes(opened.lock, content.selection, unpacked.get, fetcher)
                notes += [note for note in told if note not in notes]
            link_mode = options.link_mode or scene.settings.link_mode
            write_options = WriteOptions(
                link_mode=link_mode,
                exact=not options.inexact,
                overlaps=overlaps_locked(opened.lock, choice.target),
                files=parts.files,
            )
            done = write_venv(wanted, unpacked, write_options, scene.progress)
            todo = done if tree is None else todo
            notes += loading_notes(content.selection, root, todo)
            register(scene.settings.data_dir, root)
            forget_damage(scene.settings.data_dir, root)
    return SyncOutcome(
        root=root,
        key=wanted.key,
        python=python,
        digest=content.digest,
        plan=todo,
        lines=tuple(changed_lines(todo)),
        notes=tuple(notes),
        summary=summary_of(root, opened.root, todo, len(wanted.packages), dry=options.dry_run),
        seen=_seen_as(tree, wanted) if is_everywhere(content) else "",
        asks_host=options.require_host
        or (options.selection.target or scene.settings.target) == "auto",
    )


def _from_tree(
    scene: Scene,
    opened: Opened,
    content: Content,
    options: SyncOptions,
    installed: Installed,
    wanted: WantedEnvironment,
    shop: Workshop,
) -> Path | None:
    """Make what is not built here from the tree of a set that was seen before, if it can be."""
    link_mode = options.link_mode or scene.settings.link_mode
    if installed.exists or options.inexact or link_mode != "auto":
        return None
    local = {one.package.name for one in content.to_build}
    if content.project is not None:
        local.add(content.project.name)
    overlaps = overlaps_locked(opened.lock, content.selection.target.name)
    base = without(wanted, local)
    return make_from_tree(scene.settings.data_dir, base, shop.unpacked, overlaps)


def is_everywhere(content: Content) -> bool:
    """Whether every folder of this machine with the same files gets the same environment.

    What notes on system packages and drivers follow from was witnessed, and is asked again.
    """
    return not (content.to_build or content.project)


def _seen_as(tree: Path | None, wanted: WantedEnvironment) -> str:
    return "" if tree is None else "\n".join([str(tree), *selection_texts(wanted)])


def _without_damage(scene: Scene, root: Path, wanted: WantedEnvironment) -> Installed:
    """The environment as found, with packages whose files were changed marked for renewal."""
    store = UnpackedStore(scene.settings.cache_dir / "unpacked")
    findings = verify_venv(wanted, store)
    names = sorted({finding.package for finding in findings if finding.package})
    installed = read_installed(root)
    if names and installed.is_ours:
        if installed.tree:
            forget_list(Path(installed.tree))
        for package in wanted.packages:
            # Links lead to the store's own files, and rot changes neither size nor time of them.
            if package.name not in names:
                continue
            if not store.is_sound(package.digest):
                store.discard(package.digest)
            elif (unpacked := store.index(package.digest)) is not None:
                Parts(store).forget(package, unpacked, layout_of(str(root), wanted.python))
        distrust(root, names)
    return read_installed(root)


def venv_root(scene: Scene, project: Path, named: str | None) -> Path:
    """Where the environment stands: an option, ``LOCKENV_VENV``, or ``.venv`` of the project."""
    root = scene.directory / named if named else project / (scene.settings.venv or ".venv")
    for place in (project, root):
        try:
            str(place).encode()
        except UnicodeEncodeError:
            # An environment's scripts, its state and what build backends write hold both in UTF-8.
            raise InputError(
                "unusable-path",
                f"{str(place)!a} is no UTF-8, as the paths in an environment must be",
                fix="rename the folder",
            ) from None
    return root


def choice_of(scene: Scene, opened: Opened, options: SyncOptions, installed: Installed) -> Choice:
    """The target, groups and extras that are meant, where an environment stands or none."""
    python = options.python if options.python and not is_path(options.python) else None
    return choose(
        opened.lock,
        options.selection,
        platform=machine_here().platform,
        environment_target=scene.settings.target,
        manifest=opened.manifest,
        remembered={} if options.reset else installed.selection,
        python=python,
    )


def _recorded(installed: Installed, *, freethreaded: bool) -> VenvPython | None:
    """The interpreter that the environment stands on now."""
    if not installed.is_ours or not installed.python_executable:
        return None
    return VenvPython(
        executable=installed.python_executable,
        version=installed.python_version,
        system=sys.platform,
        freethreaded=freethreaded,
        build=installed.python_build,
    )


def is_freethreaded(content: Content) -> bool:
    """Whether the locked interpreter runs without the global interpreter lock."""
    return content.interpreter.variant == "freethreaded"


def host_notes(content: Content, *, require: bool) -> list[str]:
    """What of this machine does not fit; `HostError` where nothing runs, or for ``require``."""
    findings = fits(machine_here(), target_of(content.selection.target))
    wrong = [finding for finding in findings if finding.code == "LE603"]
    if wrong or (require and findings):
        first = (wrong or findings)[0]
        raise HostError(first.code, first.message, fix=first.fix)
    notes = [f"{finding.code}: {finding.message}" for finding in findings]
    if content.selection.target.cuda is not None:
        from lockenv.workflows.cuda_check import host_notes as cuda_notes  # noqa: PLC0415 - start-up

        notes += cuda_notes(content.selection.target, require=require)
    return notes


def deb_notes(lock: Lock, content: Content) -> list[str]:
    """What of the locked system packages this machine lacks."""
    if not lock.system_packages:
        return []
    from lockenv.workflows.syncing.host_system import read_host, system_notes  # noqa: PLC0415 - start-up

    return system_notes(lock, content.selection.target, read_host())


def wanted_by(
    shop: Workshop,
    opened: Opened,
    content: Content,
    choice: Choice,
    root: Path,
    options: SyncOptions,
) -> WantedEnvironment:
    """The environment to be made at ``root``; what is built here is built for it."""
    packages: list[WantedPackage] = [
        wanted_package(one, one.artifact, str(opened.root))
        for one in content.wheels
        if one.artifact is not None
    ]
    editable, dry = options.editable, options.dry_run
    packages += [
        built_package(shop, one, opened.root, editable=editable, dry=dry)
        for one in content.to_build
    ]
    own = content.project if options.project else None
    if own is not None:
        packages.append(built_project(shop, own, opened.root, editable=editable, dry=dry))
    return WantedEnvironment(
        root=str(root),
        python=shop.python,
        packages=tuple(sorted(packages, key=lambda one: one.name)),
        selection={
            **choice.as_remembered(),
            "digest": str(content.digest),
            "editable": "yes" if options.editable else "no",
        },
        prompt=opened.root.name,
    )


#: Stands for a version in a plan that is only shown, where a build would tell it.
_UNTOLD = "(its build tells the version)"


def changed_lines(todo: Plan) -> list[str]:
    """What a plan does, a line a package."""
    lines = []
    for change in todo.changes:
        before = ", ".join(package.version for package in change.former)
        if change.wanted is None:
            lines.append(f"- {change.name} {before}")
        elif not change.former:
            lines.append(f"+ {change.name} {change.wanted.version or _UNTOLD}")
        elif before != change.wanted.version:
            lines.append(f"~ {change.name} {before} -> {change.wanted.version or _UNTOLD}")
        else:
            lines.append(f"~ {change.name} {before} ({change.reason})")
    return lines


def summary_of(root: Path, project: Path, todo: Plan, count: int, *, dry: bool) -> str:
    """What a plan does to an environment of ``count`` packages, in one line."""
    place = root.relative_to(project) if root.is_relative_to(project) else root
    if todo.is_empty:
        return f"{place} is up to date: {count} packages"
    parts = [
        f"{len(changes)} {word}"
        for changes, word in (
            (todo.install, "installed"),
            (todo.reinstall, "replaced"),
            (todo.remove, "removed"),
        )
        if changes
    ]
    words = ", ".join(parts) or "made anew"
    return f"{place} {'would change' if dry else 'is ready'}: {words}"


def environment_findings(
    scene: Scene, project: Project, lock: Lock, target: str | None
) -> Sequence[Finding]:
    """The environment against the lock, file by file; read-only and offline (``check --env``)."""
    root = venv_root(scene, project.root, None)
    installed = read_installed(root)
    offline = replace(scene, settings=replace(scene.settings, offline=True))
    options = SyncOptions(selection=AskedSelection(target=target))
    opened = Opened(root=project.root, lock=lock, manifest=project.manifest)
    choice = choice_of(offline, opened, options, installed)
    content = content_of(lock, choice)
    packages = [
        wanted_package(one, one.artifact, str(project.root))
        for one in content.wheels
        if one.artifact is not None
    ]
    packages += _installed_builds(content, installed, project.root)
    wanted = WantedEnvironment(
        root=str(root),
        python=_expected_python(content, installed),
        packages=tuple(packages),
        selection=installed.selection,
        prompt=installed.prompt,
    )
    store = UnpackedStore(scene.settings.cache_dir / "unpacked")
    findings = [replace(finding, target=choice.target) for finding in verify_venv(wanted, store)]
    if any(finding.code == "LE304" for finding in findings):
        note_damage(scene.settings.data_dir, root)
    if touches_cuda(lock, content.selection.target):
        from lockenv.workflows.syncing.cuda_later import later_findings  # noqa: PLC0415 - start-up

        findings += later_findings(lock, content.selection, store.index)
    return findings


def _installed_builds(
    content: Content, installed: Installed, root: Path
) -> Iterator[WantedPackage]:
    """What was built here, as it must be installed."""
    found = {one.name: one for one in installed.packages}
    editable = installed.selection.get("editable") != "no"
    own = content.project if content.project and content.project.name in found else None
    for one in (*content.to_build, *([as_selected(own)] if own else [])):
        yield installed_package(one, root, editable=editable, found=found.get(one.name))


def _expected_python(content: Content, installed: Installed) -> VenvPython:
    recorded = _recorded(installed, freethreaded=is_freethreaded(content))
    if recorded is not None and still_answers(recorded, content.interpreter):
        return recorded
    return VenvPython(
        executable=installed.python_executable or "python",
        version=content.interpreter.version,
        system=sys.platform,
        freethreaded=is_freethreaded(content),
    )

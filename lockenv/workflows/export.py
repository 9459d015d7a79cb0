"""``export``: the lock in another tool's format, and whether such a file is still fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError, LockenvError
from lockenv.interchange import (
    is_pylock_name,
    render_compose,
    render_cyclonedx,
    render_devcontainer,
    render_dockerfile,
    render_github_matrix,
    render_kernelspec,
    render_kubernetes,
    render_pylock,
    render_requirements,
    render_spdx,
)
from lockenv.manifest import EXPORT_OPTIONS
from lockenv.model import Finding
from lockenv.values import dataclass, field
from lockenv.workflows.choice import choose
from lockenv.workflows.environment import content_of
from lockenv.workflows.export_image import runnable
from lockenv.workflows.files import make_folder, read_text, write_atomically
from lockenv.workflows.opened import open_locked
from lockenv.workflows.selection import SILENT_SELECTION, AskedSelection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from lockenv.interchange import Option
    from lockenv.lockfile import Selection
    from lockenv.model import Export, Lock, Manifest
    from lockenv.workflows.environment import Content
    from lockenv.workflows.scene import Scene

#: Formats that are what a selection installs.
_SELECTIONS: dict[str, Callable[[Selection], str]] = {
    "pylock": render_pylock,
    "requirements": render_requirements,
}
#: Formats that describe an image, with the declared image's target and selection.
_IMAGES = {"dockerfile", "devcontainer", "kubernetes", "compose"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to write, and where; None is standard output. ``options`` are those of the format."""

    form: str
    selection: AskedSelection = SILENT_SELECTION
    output: str | None = None
    check: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOutcome:
    """The text for standard output, or what came of the file."""

    text: str | None = None
    findings: tuple[Finding, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One ``[[export]]``: its file, and the text that it must have or why that is not known yet."""

    path: Path
    text: str | None
    problem: LockenvError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What to render; ``platform`` is None where no machine may have a say."""

    form: str
    selection: AskedSelection
    options: Mapping[str, Option]
    platform: str | None
    environment_target: str | None


def export(scene: Scene, options: ExportOptions) -> ExportOutcome:
    """Render one target of the lock; write it, print it, or compare it with a file."""
    from lockenv.host import machine_here  # noqa: PLC0415 - start-up: check renders without

    _refuse_foreign(options)
    opened = open_locked(scene)
    asked = _Asked(
        form=options.form,
        selection=options.selection,
        options=options.options,
        platform=machine_here().platform,
        environment_target=scene.settings.target,
    )
    text = _rendered(opened.lock, opened.manifest, asked)
    if options.output is None:
        if options.check:
            raise InputError("usage", "--check compares a file", fix="name it with -o")
        return ExportOutcome(text=text)
    path = scene.directory / options.output
    if options.form == "pylock" and not is_pylock_name(path.name):
        raise InputError(
            "file-name",
            f"{path.name} is no name for a pylock file (PEP 751)",
            fix="write pylock.toml, or pylock.NAME.toml",
        )
    former = read_text(path)
    if former == text:
        return ExportOutcome(summary=f"{options.output} is fresh")
    if options.check:
        return ExportOutcome(findings=(stale_file(options.output),))
    make_folder(path.parent)
    write_atomically(path, text)
    return ExportOutcome(summary=f"{options.output} written")


def _refuse_foreign(options: ExportOptions) -> None:
    """Refuse an option that means nothing in this format, rather than not to heed it."""
    for name in options.options:
        if name not in EXPORT_OPTIONS[options.form]:
            able = [form for form, names in EXPORT_OPTIONS.items() if name in names]
            raise InputError(
                "usage",
                f"--{name} means nothing for {options.form}",
                why=f"it is an option of {', '.join(able)}",
                fix=f"remove --{name}",
            )
    is_whole = options.form == "github-matrix" and not options.selection.is_silent
    if is_whole:
        raise InputError(
            "usage",
            "a matrix is of targets: groups and extras mean nothing for it",
            fix="name a target, or nothing",
        )


def stale_file(output: str, problem: LockenvError | None = None) -> Finding:
    """LE113 for one exported file."""
    said = f": {problem.what}" if problem else ""
    mend = problem.fix[0] if problem and problem.fix else "lockenv lock, or export it again"
    return Finding(
        code="LE113",
        message=f"{output} is not what lockenv.lock exports{said}",
        layer="manifest",
        file=output,
        fix=mend,
    )


def _rendered(lock: Lock, manifest: Manifest | None, asked: _Asked) -> str:
    """The text of one export; the folder's name has no say, since it differs between checkouts."""
    name = (manifest.project.name if manifest is not None else None) or "environment"
    if asked.form == "github-matrix":
        return _matrix(lock, manifest, asked)
    if asked.form in _IMAGES:
        run, content = runnable(
            lock,
            manifest,
            name,
            asked.selection,
            asked.options,
            environment_target=asked.environment_target,
            needs_reference=asked.form != "dockerfile",
        )
        if asked.form == "dockerfile":
            return render_dockerfile(lock, content.selection, run)
        renderers = {
            "devcontainer": render_devcontainer,
            "kubernetes": render_kubernetes,
            "compose": render_compose,
        }
        return renderers[asked.form](run)
    content = _content(lock, manifest, asked)
    selection = content.selection
    said = asked.options.get("name")
    called = said if isinstance(said, str) and said else name
    if asked.form == "kernelspec":
        project = asked.options.get("project")
        return render_kernelspec(
            selection,
            name=called,
            environment=content.digest,
            project=project if isinstance(project, str) else "",
            words=_words(asked.selection),
        )
    if asked.form in _SELECTIONS:
        return _SELECTIONS[asked.form](selection)
    render = render_cyclonedx if asked.form == "cyclonedx" else render_spdx
    return render(lock, selection, name=called)


def _matrix(lock: Lock, manifest: Manifest | None, asked: _Asked) -> str:
    target = asked.selection.target
    names = [one.name for one in lock.targets if target in {None, one.name, one.table}]
    if not names:
        _content(lock, manifest, asked)  # refuses the name, with the list
    return render_github_matrix(lock, names)


def _content(lock: Lock, manifest: Manifest | None, asked: _Asked) -> Content:
    choice = choose(
        lock,
        asked.selection,
        platform=asked.platform or lock.targets[0].platform,
        environment_target=asked.environment_target,
        manifest=manifest,
    )
    return content_of(lock, choice)


def _words(asked: AskedSelection) -> tuple[str, ...]:
    """The selection as ``lockenv run`` takes it."""
    words = [
        *(word for name in asked.groups for word in ("--group", name)),
        *(word for name in asked.only_groups for word in ("--only-group", name)),
        *(word for name in asked.no_groups for word in ("--no-group", name)),
        *(word for name in asked.extras for word in ("--extra", name)),
    ]
    words += ["--all-groups"] if asked.all_groups else []
    words += ["--all-extras"] if asked.all_extras else []
    return tuple(words)


def export_findings(lock: Lock, manifest: Manifest, root: Path) -> list[Finding]:
    """LE113 for each declared file that is not what the lock exports."""
    return [
        stale_file(one.path.relative_to(root).as_posix(), one.problem)
        for one in declared_exports(lock, manifest, root)
        if one.text is None or read_text(one.path) != one.text
    ]


def declared_exports(lock: Lock, manifest: Manifest, root: Path) -> Iterator[Declared]:
    """Each ``[[export]]`` of a manifest: the same on every machine.

    An image whose digest is not recorded yet is a problem of the file, not of the lock.
    """
    for one in manifest.exports:
        path = root / one.output
        asked = _Asked(
            form=one.format,
            selection=_selection(lock, manifest, one),
            options=one.options,
            platform=None,
            environment_target=None,
        )
        try:
            yield Declared(path=path, text=_rendered(lock, manifest, asked))
        except LockenvError as error:
            yield Declared(path=path, text=None, problem=error)


def _selection(lock: Lock, manifest: Manifest, one: Export) -> AskedSelection:
    target = one.target
    if target is None and one.format not in {*_IMAGES, "github-matrix"}:
        default = manifest.default_target
        names = [item.name for item in lock.targets if default in {item.name, item.table}]
        target = (names or [lock.targets[0].name])[0]
    if one.groups is None and one.extras is None:
        return AskedSelection(target=target)
    return AskedSelection(
        target=target,
        groups=one.groups or (),
        extras=one.extras or (),
        exact=True,
    )


def refresh_exports(lock: Lock, manifest: Manifest, root: Path) -> list[str]:
    """Rewrite the files that ``[[export]]`` keeps; those that changed or could not are named."""
    notes = []
    for one in declared_exports(lock, manifest, root):
        name = one.path.relative_to(root).as_posix()
        if one.text is None:
            problem = one.problem
            mend = f" ({problem.fix[0]})" if problem and problem.fix else ""
            notes.append(f"{name} not written: {problem.what if problem else ''}{mend}")
        elif read_text(one.path) != one.text:
            make_folder(one.path.parent)
            write_atomically(one.path, one.text)
            notes.append(f"{name} written")
    return notes

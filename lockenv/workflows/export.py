"""``export``: the lock in another tool's format, and whether such a file is still fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.host import machine_here
from lockenv.interchange import is_pylock_name, render_pylock, render_requirements
from lockenv.model import Finding
from lockenv.values import dataclass
from lockenv.workflows.choice import choose
from lockenv.workflows.environment import content_of
from lockenv.workflows.files import read_text, write_atomically
from lockenv.workflows.selection import SILENT_SELECTION, AskedSelection
from lockenv.workflows.sync import open_locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lockenv.lockfile import Selection
    from lockenv.model import Lock, Manifest
    from lockenv.workflows.scene import Scene

_RENDERERS: dict[str, Callable[[Selection], str]] = {
    "pylock": render_pylock,
    "requirements": render_requirements,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to write, and where; None is standard output."""

    form: str
    selection: AskedSelection = SILENT_SELECTION
    output: str | None = None
    check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOutcome:
    """The text for standard output, or what came of the file."""

    text: str | None = None
    findings: tuple[Finding, ...] = ()
    summary: str = ""


def export(scene: Scene, options: ExportOptions) -> ExportOutcome:
    """Render one target of the lock; write it, print it, or compare it with a file."""
    opened = open_locked(scene)
    text = rendered(scene, opened.lock, opened.manifest, options.form, options.selection)
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
    if options.check:
        if former == text:
            return ExportOutcome(summary=f"{options.output} is fresh")
        return ExportOutcome(findings=(stale_file(options.output),))
    if former == text:
        return ExportOutcome(summary=f"{options.output} is fresh")
    write_atomically(path, text)
    return ExportOutcome(summary=f"{options.output} written")


def stale_file(output: str) -> Finding:
    """LE113 for one exported file."""
    return Finding(
        code="LE113",
        message=f"{output} is not what lockenv.lock exports",
        layer="manifest",
        file=output,
        fix="lockenv lock, or export it again",
    )


def rendered(
    scene: Scene, lock: Lock, manifest: Manifest | None, form: str, asked: AskedSelection
) -> str:
    """The text of one export."""
    choice = choose(
        lock,
        asked,
        platform=machine_here().platform,
        environment_target=scene.settings.target,
        manifest=manifest,
    )
    return _RENDERERS[form](content_of(lock, choice).selection)


def export_findings(scene: Scene, lock: Lock, manifest: Manifest, root: Path) -> list[Finding]:
    """LE113 for each declared file that is not what the lock exports."""
    return [
        stale_file(path.relative_to(root).as_posix())
        for path, text in declared_exports(scene, lock, manifest, root)
        if read_text(path) != text
    ]


def declared_exports(
    scene: Scene, lock: Lock, manifest: Manifest, root: Path
) -> Iterator[tuple[Path, str]]:
    """Each ``[[export]]`` of a manifest: its file and the text that it must have."""
    for export_ in manifest.exports:
        if export_.format not in _RENDERERS:
            raise InputError(
                "unknown-format",
                f"{export_.format} is no format of export",
                why=f"there are {', '.join(sorted(_RENDERERS))}",
                fix="correct format in [[export]]",
            )
        target = export_.target or lock.targets[0].name
        asked = AskedSelection(target=target)
        yield root / export_.output, rendered(scene, lock, manifest, export_.format, asked)

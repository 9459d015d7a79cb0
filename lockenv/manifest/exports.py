"""``[[export]]``: files for other tools that `lock` keeps fresh, and the options of each format."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lockenv.fields import nearest
from lockenv.manifest import keys
from lockenv.manifest.document import is_relative
from lockenv.manifest.targets import complain_unknown, read_names
from lockenv.model import EXPORT_FORMATS, Export
from lockenv.patterns import pattern

if TYPE_CHECKING:
    from lockenv.fields import Fields
    from lockenv.manifest.document import Document
    from lockenv.manifest.targets import Selections

Option: TypeAlias = "str | int | bool | tuple[str, ...]"

#: PEP 751: the names that installers look for.
_PYLOCK = pattern(r"pylock(\.[^./]+)?\.toml")

#: The kind of each option's value: text, texts (given more than once), number, flag.
OPTION_KINDS = {
    "base": "text",
    "command": "texts",
    "cpu": "text",
    "extension": "texts",
    "gpus": "number",
    "idle-timeout": "text",
    "image": "text",
    "kind": "text",
    "memory": "text",
    "mount": "texts",
    "name": "text",
    "namespace": "text",
    "port": "texts",
    "project": "text",
    "pull-secret": "texts",
    "replicas": "number",
    "secret": "texts",
    "shm-size": "text",
    "spot": "flag",
    "storage": "text",
}
#: Which options each format takes.
EXPORT_OPTIONS: dict[str, tuple[str, ...]] = {
    "pylock": (),
    "requirements": (),
    "dockerfile": ("image", "base"),
    "devcontainer": ("image", "name", "gpus", "port", "mount", "shm-size", "extension"),
    "kubernetes": (
        "image",
        "kind",
        "name",
        "namespace",
        "command",
        "gpus",
        "cpu",
        "memory",
        "replicas",
        "port",
        "secret",
        "pull-secret",
        "spot",
        "shm-size",
        "idle-timeout",
        "storage",
    ),
    "compose": ("image", "name", "command", "gpus", "port", "mount", "secret", "shm-size"),
    "kernelspec": ("name", "project"),
    "cyclonedx": ("name",),
    "spdx": ("name",),
    "github-matrix": (),
}


def read_exports(
    document: Document, targets: tuple[str, ...], selections: Selections
) -> tuple[Export, ...]:
    """The files that `lock` keeps fresh."""
    found: list[Export] = []
    for fields in document.root.tables("export"):
        fields.reject_unknown(keys.EXPORT)
        if not fields.has("format"):
            fields.complain("format is missing", fix='add format = "pylock"', slug="missing-key")
        kind = fields.choice("format", EXPORT_FORMATS, "pylock")
        output = fields.required_text("output")
        if output:
            _check_output(fields, kind, output)
        if any(output == other.output for other in found):
            fields.complain(
                f"two exports write {output}", "output", fix="rename one", slug="duplicate"
            )
        target = fields.text("target")
        if target is not None and target not in targets:
            complain_unknown(fields, "target", target, targets, "target")
        found.append(
            Export(
                format=kind,
                output=output,
                target=target,
                groups=read_names(fields, "groups", selections.groups),
                extras=read_names(fields, "extras", selections.extras),
                options=_options(fields, kind),
            )
        )
    return tuple(found)


def _options(fields: Fields, kind: str) -> dict[str, Option]:
    below = fields.below("options")
    if below is None:
        return {}
    allowed = EXPORT_OPTIONS[kind]
    found: dict[str, Option] = {}
    for name in below.table:
        if name not in allowed:
            near = nearest(name, allowed)
            below.complain(
                f"{kind} has no option {name}",
                name,
                fix=f"write {near}" if near else f"remove {name}",
                slug="unknown-key",
            )
            continue
        value = _option(below, name)
        if value is not None:
            found[name] = value
    return found


def _option(fields: Fields, name: str) -> Option | None:
    kind = OPTION_KINDS[name]
    if kind == "flag":
        return fields.flag(name)
    if kind == "number":
        return fields.size(name)
    return fields.texts(name) if kind == "texts" else fields.text(name)


def _check_output(fields: Fields, kind: str, output: str) -> None:
    if not is_relative(output) or ".." in output.split("/"):
        fields.complain(
            f'output is "{output}", which is not inside the project',
            "output",
            fix="write a path from the manifest's folder",
            slug="absolute-path",
        )
    elif kind == "pylock" and not _PYLOCK.fullmatch(output.rpartition("/")[2]):
        fields.complain(
            f'installers do not look for a lock named "{output}"',
            "output",
            fix='write "pylock.toml" or "pylock.NAME.toml"',
        )

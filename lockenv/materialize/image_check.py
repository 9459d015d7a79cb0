"""Compare an image with what the lock makes: the first layer and file that differ, as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.oci import parse_config
from lockenv.materialize.image_plan import ENVIRONMENT_LABEL, PROJECTION_PATH
from lockenv.materialize.image_read import read_layer
from lockenv.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.formats.tar import Entry
    from lockenv.materialize.image_plan import BuiltImage, BuiltLayer
    from lockenv.materialize.image_read import FoundImage

_PROJECT = "project"
#: How many differing files of one layer are named; the first says most.
_MOST_FILES = 5


def check_image(
    expected: BuiltImage, found: FoundImage, target: str | None = None
) -> list[Finding]:
    """What is wrong with an image, compared with one that was built from the lock just now.

    Equal configs are equal images, whatever compressed their layers. LE501: it is none of ours.
    LE502: made from another environment. LE503 and LE504: a layer differs, and in which files.
    LE505: only the project does.
    """
    config = parse_config(expected.config, "the image that the lock makes")
    ours = config.labels.get(ENVIRONMENT_LABEL)
    theirs = found.config.labels.get(ENVIRONMENT_LABEL)
    if found.config.diff_ids == config.diff_ids and found.config == config:
        return []
    if not found.config.history or not any(
        line.startswith("lockenv: ") for line in found.config.history
    ):
        message = f"{found.name} was not made from a lock"
        return [_finding("LE501", message, target, file=PROJECTION_PATH)]
    findings = []
    if ours != theirs:
        message = f"{found.name} was made from environment {theirs}, the lock's is {ours}"
        findings.append(_finding("LE502", message, target))
    findings += list(_layers(expected, found, target))
    if not findings:
        message = f"{found.name}: the settings of the image differ ({_settings(config, found)})"
        findings.append(_finding("LE503", message, target))
    return findings


def check_recorded(
    diff_ids: Sequence[str], config_digest: str, found: FoundImage, target: str | None = None
) -> list[Finding]:
    """The same against digests that the lock has recorded; files cannot be named from these."""
    if found.config_digest == config_digest:
        return []
    for number, pair in enumerate(zip(diff_ids, found.config.diff_ids, strict=False)):
        if pair[0] != pair[1]:
            message = f"{found.name}: layer {number + 1} is {pair[1]}, the lock has {pair[0]}"
            return [_finding("LE503", message, target)]
    message = f"{found.name} has config {found.config_digest}, the lock has {config_digest}"
    return [_finding("LE503", message, target)]


def check_digests(expected: BuiltImage, again: BuiltImage) -> list[Finding]:
    """Two builds of one plan: where they differ, if they do (`image --check`)."""
    findings = []
    for ours, theirs in zip(expected.layers, again.layers, strict=False):
        if ours.diff_id != theirs.diff_id:
            files = _differing(ours.entries, theirs.entries)
            message = f"layer {ours.name} came out differently: {', '.join(files) or 'its order'}"
            findings.append(_finding("LE503", message, None))
    return findings


def _finding(code: str, message: str, target: str | None, file: str | None = None) -> Finding:
    return Finding(
        code=code, message=message, layer="image", target=target, file=file, fix="lockenv image"
    )


def _settings(config: object, found: FoundImage) -> str:
    names = ("env", "entrypoint", "cmd", "user", "workdir", "ports", "labels", "created")
    return ", ".join(name for name in names if getattr(config, name) != getattr(found.config, name))


def _layers(expected: BuiltImage, found: FoundImage, target: str | None) -> Iterator[Finding]:
    """One finding a layer that differs, by place; the files of those that can be compared."""
    theirs = {
        line.removeprefix("lockenv: "): number for number, line in enumerate(found.config.history)
    }
    for layer in expected.layers:
        number = theirs.pop(layer.name, None)
        if number is None or number >= len(found.config.diff_ids):
            message = f"{found.name} lacks the layer {layer.name}"
            yield _finding("LE503", message, target)
        elif found.config.diff_ids[number] != layer.diff_id:
            yield from _files(layer, number, found, target)
    for name in sorted(theirs):
        yield _finding(
            "LE503", f"{found.name} has a layer {name} that the lock does not make", target
        )


def _files(
    layer: BuiltLayer, number: int, found: FoundImage, target: str | None
) -> Iterator[Finding]:
    code = "LE505" if layer.name == _PROJECT else "LE503"
    yield _finding(code, f"{found.name}: the layer {layer.name} differs", target)
    for path in _differing(layer.entries, tuple(read_layer(found, number)))[:_MOST_FILES]:
        message = f"{found.name}: /{path} in layer {layer.name} differs"
        yield _finding("LE504", message, target, file=path)


def _differing(ours: Sequence[Entry], theirs: Sequence[Entry]) -> list[str]:
    """The paths that differ, in the order in which our layer has them, then what is too much."""
    before, after = {one.path: one for one in ours}, {one.path: one for one in theirs}
    changed = [path for path, one in before.items() if after.get(path) != one]
    return changed + sorted(path for path in after if path not in before)

"""``[image]`` and ``[images.NAME]`` (contract 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.manifest import keys
from lockenv.manifest.targets import Selections, check_label, complain_unknown, read_names
from lockenv.manifest.words import parse_port, parse_variable
from lockenv.model import PLATFORMS, Image
from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    import re

    from lockenv.fields import Fields
    from lockenv.manifest.document import Document
    from lockenv.model import System, TargetTable

#: A reference as registries take it: [host[:port]/]path[:tag][@digest].
_REFERENCE = pattern(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
#: OCI image configuration: user, uid, user:group, uid:gid.
_USER = pattern(r"[a-z_][a-z0-9_-]*(?::[a-z_0-9][a-z0-9_-]*)?|\d+(?::\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an image refers to elsewhere in the manifest."""

    selections: Selections
    targets: dict[str, TargetTable]
    system: System | None
    as_of: str | None


def read_images(document: Document, around: Surroundings) -> tuple[Image, ...]:
    """``[image]`` first, then the named ones by name."""
    found = []
    single = document.root.below("image")
    if single is not None:
        found.append(_image(document, "", single, around))
    named = sorted(document.root.named_tables("images"), key=lambda item: item[0])
    for key, fields in named:
        check_label(fields, "image", key)
        found.append(_image(document, key, fields, around))
    return tuple(found)


def _image(document: Document, key: str, fields: Fields, around: Surroundings) -> Image:
    fields.reject_unknown(keys.IMAGE)
    target = fields.text("target")
    if target is not None and target not in around.targets:
        complain_unknown(fields, "target", target, tuple(around.targets), "target")
    elif target is not None and not PLATFORMS[around.targets[target].platform].is_linux:
        fields.complain(
            f"target {target} is for {around.targets[target].platform}; images are for linux",
            "target",
            fix="name a target whose platform is linux",
        )
    project = fields.flag("project")
    return Image(
        key=key,
        target=target,
        groups=read_names(fields, "groups", around.selections.groups) or (),
        extras=read_names(fields, "extras", around.selections.extras) or (),
        project=project is not False,
        base=_base(fields, around),
        name=_matching(fields, "name", _REFERENCE, "an image's name"),
        user=_matching(fields, "user", _USER, "a user"),
        workdir=_workdir(fields),
        entrypoint=fields.texts("entrypoint"),
        cmd=fields.texts("cmd"),
        env=_env(fields),
        labels=dict(sorted(fields.text_table("labels").items())),
        ports=_ports(fields),
        compression=fields.choice("compression", keys.COMPRESSIONS, "gzip"),
        origin=document.origin(fields),
    )


def _matching(fields: Fields, key: str, pattern: re.Pattern[str], meaning: str) -> str | None:
    text = fields.text(key)
    if text is not None and not pattern.fullmatch(text):
        fields.complain(f'{key} is "{text}", which is not {meaning}', key, fix=f"correct {key}")
    return text


def _base(fields: Fields, around: Surroundings) -> str:
    base = fields.text("base")
    if base is None or base == "scratch":
        if around.system is None:
            at = ("base",) if base is not None else ()
            fields.complain(
                "an image from scratch is made of Debian packages, but there is no [system]",
                *at,
                fix='add [system] with distribution = "debian" and suite = "bookworm", '
                'or base = "IMAGE"',
                slug="scratch-without-system",
            )
        return "scratch"
    _matching(fields, "base", _REFERENCE, "an image reference")
    if around.as_of is not None and "@sha256:" not in base:
        fields.complain(
            f"as-of cannot hold for base {base}: a registry does not tell what a tag once named",
            "base",
            fix=f'write base = "{base}@sha256:…"',
            slug="base-without-digest",
        )
    return base


def _workdir(fields: Fields) -> str:
    workdir = fields.text("workdir")
    if workdir is not None and (not workdir.startswith("/") or ".." in workdir.split("/")):
        fields.complain(
            f'workdir is "{workdir}", which is not an absolute path',
            "workdir",
            fix='write workdir = "/app"',
        )
    return "/app" if workdir is None else workdir


def _env(fields: Fields) -> dict[str, str]:
    env = fields.text_table("env")
    for name in env:
        try:
            parse_variable(name)
        except ValueError as error:
            fields.complain(f'"{name}" names no variable: {error}', "env", name, fix="rename it")
    return dict(sorted(env.items()))


def _ports(fields: Fields) -> tuple[str, ...]:
    """Numbers and strings alike, as ``8080/tcp``."""
    raw = fields.raw("ports")
    if not isinstance(raw, list):
        fields.texts("ports")
        return ()
    found = set()
    for number, port in enumerate(raw):
        written = str(port) if isinstance(port, int | str) and not isinstance(port, bool) else ""
        try:
            found.add(parse_port(written))
        except ValueError as error:
            fields.complain(f'"{port}" is no port: {error}', "ports", number, fix="correct it")
    return tuple(sorted(found, key=lambda port: (int(port.partition("/")[0]), port)))

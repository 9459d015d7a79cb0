"""``[policy]`` and ``[[ignore]]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.fields import nearest
from lockenv.manifest import keys
from lockenv.manifest.targets import complain_unknown
from lockenv.manifest.words import parse_name
from lockenv.model import FINDING_CODES, Ignore, Policy

if TYPE_CHECKING:
    from lockenv.fields import Fields
    from lockenv.manifest.document import Document


def read_policy(document: Document) -> Policy:
    """The policy, each key with its default."""
    fields = document.root.below("policy")
    if fields is None:
        return Policy()
    fields.reject_unknown(keys.POLICY)
    sdist, by_package = _sdist(fields)
    return Policy(
        sdist=sdist,
        sdist_by_package=by_package,
        native_libraries=fields.choice("native-libraries", keys.NATIVE_LIBRARIES, "warn"),
        allow=document.asks(fields, "allow"),
        deny=document.asks(fields, "deny"),
        findings=_findings(fields),
    )


def _sdist(fields: Fields) -> tuple[str, dict[str, str]]:
    """One word for all, or a table of words by package (then the others stay denied)."""
    if not isinstance(fields.raw("sdist"), dict):
        return fields.choice("sdist", keys.SDIST_POLICIES, "deny"), {}
    below = fields.below("sdist")
    found: dict[str, str] = {}
    for written in below.table if below is not None else ():
        if below is None:
            break
        word = below.choice(written, keys.SDIST_POLICIES, "deny")
        try:
            name = parse_name(written)
        except ValueError as error:
            below.complain(f'"{written}" names no package: {error}', written, fix="correct it")
            continue
        if name in found:
            below.complain(f"{name} stands twice", written, fix="remove one", slug="duplicate")
        found[name] = word
    return "deny", dict(sorted(found.items()))


def _findings(fields: Fields) -> dict[str, str]:
    below = fields.below("findings")
    if below is None:
        return {}
    found = {}
    for code in sorted(below.table):
        if code not in FINDING_CODES:
            _complain_code(below, code, code)
        found[code] = below.choice(code, keys.SEVERITIES, "error")
    return found


def _complain_code(fields: Fields, code: str, *at: str) -> None:
    near = nearest(code, FINDING_CODES)
    fields.complain(
        f'no finding has the code "{code}"',
        *at,
        fix=f"write {near}" if near else "write a code as `lockenv check` prints it",
        slug="unknown-code",
    )


def read_ignores(document: Document, targets: tuple[str, ...]) -> tuple[Ignore, ...]:
    """The findings that are accepted, each with its reason."""
    found = []
    for fields in document.root.tables("ignore"):
        fields.reject_unknown(keys.IGNORE)
        code = fields.required_text("code")
        if code and code not in FINDING_CODES:
            _complain_code(fields, code, "code")
        if not fields.required_text("reason").strip() and fields.has("reason"):
            fields.complain("an ignored finding needs a reason", "reason", fix="say why it is fine")
        target = fields.text("target")
        if target is not None and target not in targets:
            complain_unknown(fields, "target", target, targets, "target")
        found.append(
            Ignore(
                code=code,
                package=fields.text("package"),
                target=target,
                reason=fields.text("reason") or "",
            )
        )
    return tuple(found)

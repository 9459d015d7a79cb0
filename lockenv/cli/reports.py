"""Findings in the forms that people and machines read: text, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from lockenv.cli.output import Output, render_json
from lockenv.model import FINDING_CODES, LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockenv.model import Finding


#: The layers whose files are not of the repository.
_OUTSIDE = frozenset({"venv", "image", "system", "host"})


def print_report(
    output: Output,
    command: str,
    findings: Sequence[Finding],
    status: int,
    form: str,
    *,
    place: str = "",
) -> None:
    """Print findings in one form (contract 5 for JSON).

    ``place`` is the folder, from the repository's root, in which their files are: the services that
    read annotations and SARIF know files by their paths from there.
    """
    if form == "json":
        output.answer(json_report(command, status, {}, findings))
    elif form == "github":
        for finding in findings:
            output.answer(_annotation(finding, place))
    elif form == "sarif":
        output.answer(render_json(_sarif(findings, place)))
    elif form == "text":
        output.findings(findings)


def json_report(
    command: str, status: int, document: Mapping[str, object], findings: Sequence[Finding] = ()
) -> str:
    """The JSON that a command answers: schema, status and findings, then what is its own."""
    head = {
        "schema": f"lockenv/{command}/1",
        "status": status,
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "layer": finding.layer,
                "target": finding.target,
                "message": finding.message,
                "file": finding.file,
                "line": finding.line,
                "fix": finding.fix,
            }
            for finding in findings
        ],
    }
    rest = {key: value for key, value in document.items() if key not in head}
    return render_json(head | rest)


def _path(finding: Finding, place: str) -> str:
    """Where a person looks for it: files of an environment or image are in no repository."""
    file = finding.file if finding.layer not in _OUTSIDE else None
    return posixpath.normpath(posixpath.join(place, file or LOCK_NAME))


def _annotation(finding: Finding, place: str) -> str:
    """One workflow command, escaped as GitHub's runner reads properties and messages."""
    properties = {}
    if finding.file and finding.layer not in _OUTSIDE:
        properties["file"] = _path(finding, place)
        if finding.line:
            properties["line"] = str(finding.line)
    properties["title"] = finding.code
    told = ",".join(f"{key}={_escaped(properties[key], is_value=True)}" for key in properties)
    message = finding.message + (f"\nfix: {finding.fix}" if finding.fix else "")
    return f"::{finding.severity} {told}::{_escaped(message)}"


def _escaped(text: str, *, is_value: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if is_value else text


def _sarif(findings: Sequence[Finding], place: str) -> dict[str, object]:
    """A SARIF 2.1.0 log (OASIS) with one run."""
    from lockenv import __version__  # noqa: PLC0415 - start-up
    from lockenv.tables.addresses import FINDING_PAGES, SARIF_SCHEMA  # noqa: PLC0415 - likewise

    codes = sorted({finding.code for finding in findings})
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lockenv",
                        "version": __version__,
                        "rules": [_rule(code, FINDING_PAGES) for code in codes],
                    }
                },
                "results": [_result(finding, codes, place) for finding in findings],
            }
        ],
    }


def _rule(code: str, pages: str) -> dict[str, object]:
    rule: dict[str, object] = {"id": code}
    if code in FINDING_CODES:
        rule["shortDescription"] = {"text": FINDING_CODES[code]}
        rule["helpUri"] = f"{pages}{code}.md"
    return rule


def _result(finding: Finding, codes: Sequence[str], place: str) -> dict[str, object]:
    from urllib.parse import quote  # noqa: PLC0415 - start-up

    # SARIF 3.4.3: a place is a URI reference (RFC 3986), so what a path may hold is escaped.
    path = _path(finding, place).encode("utf-8", "surrogateescape")
    location: dict[str, object] = {"artifactLocation": {"uri": quote(path)}}
    if finding.line:
        location["region"] = {"startLine": finding.line}
    message = finding.message + (f" (fix: {finding.fix})" if finding.fix else "")
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity,
        "message": {"text": message},
        "locations": [{"physicalLocation": location}],
    }

"""Findings in the forms that people and machines read: text, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.cli.output import Output, render_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.model import Finding


def print_report(
    output: Output, command: str, findings: Sequence[Finding], status: int, form: str
) -> None:
    """Print findings in one form (contract 5 for JSON)."""
    if form == "json":
        output.answer(
            render_json(
                {
                    "schema": f"lockenv/{command}/1",
                    "status": status,
                    "findings": [_document(finding) for finding in findings],
                }
            )
        )
    elif form == "github":
        for finding in findings:
            output.answer(_annotation(finding))
    elif form == "sarif":
        output.answer(render_json(_sarif(findings)))
    else:
        output.findings(findings)


def _document(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "layer": finding.layer,
        "target": finding.target,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "fix": finding.fix,
    }


def _annotation(finding: Finding) -> str:
    """One workflow command, escaped as GitHub's runner reads properties and messages."""
    place = ""
    if finding.file:
        place += f" file={_escaped(finding.file, property_value=True)}"
        if finding.line:
            place += f",line={finding.line}"
    title = f"{',' if place else ' '}title={finding.code}"
    message = finding.message + (f"\nfix: {finding.fix}" if finding.fix else "")
    return f"::{finding.severity}{place}{title}::{_escaped(message)}"


def _escaped(text: str, *, property_value: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property_value else text


def _sarif(findings: Sequence[Finding]) -> dict[str, object]:
    """A SARIF 2.1.0 log (OASIS) with one run."""
    from lockenv import __version__  # noqa: PLC0415 - start-up

    codes = sorted({finding.code for finding in findings})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lockenv",
                        "version": __version__,
                        "rules": [{"id": code} for code in codes],
                    }
                },
                "results": [_result(finding, codes) for finding in findings],
            }
        ],
    }


def _result(finding: Finding, codes: Sequence[str]) -> dict[str, object]:
    location: dict[str, object] = {
        "artifactLocation": {"uri": finding.file or "lockenv.lock"},
    }
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

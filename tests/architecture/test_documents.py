"""What the documents promise: each page is there, and pages made from the program are fresh."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lockenv.model import FINDING_CODES

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def test_the_page_of_commands_is_the_programs_own_help() -> None:
    script = ROOT / "scripts" / "write_command_docs.py"

    answer = subprocess.run(
        [sys.executable, str(script), "--check"],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: str(page.name)
)
def test_the_readme_leads_to_every_page(page: Path) -> None:
    assert f"](docs/{page.name})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_variable_that_a_page_names_is_read_somewhere() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"\bLOCKENV_[A-Z_]+", page.read_text(encoding="utf-8"))
    }
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("lockenv", "tests", "scripts")
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
    ]

    assert not [name for name in named if not any(name in text for text in sources)]


@pytest.mark.parametrize("code", sorted(FINDING_CODES))
def test_every_finding_code_has_its_page(code: str) -> None:
    page = ROOT / "docs" / "findings" / f"{code}.md"

    text = page.read_text(encoding="utf-8")

    assert "## Cause" in text
    assert "## Example" in text
    assert "## Mend" in text
    assert re.search(rf"```\n(error|warning)\[{code}\]: ", text)


def test_the_two_commands_of_the_readme_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    for command in ("python3 scripts/demo.py", "python3 scripts/test.py"):
        assert command in text
        assert (ROOT / command.split()[1]).is_file()


def test_the_test_command_is_what_ci_runs() -> None:
    assert "python3 scripts/test.py" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")

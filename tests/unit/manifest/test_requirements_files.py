"""Requirements files are read as pip reads them, or refused with what to write instead."""

from __future__ import annotations

import pytest

from lockenv.errors import FaultsError
from lockenv.manifest import Requirements, parse_requirements
from tests.support.manifests import manifest

PROJECT = '[project]\nname = "x"\nversion = "1"\n'


def read(text: str, **others: str) -> Requirements:
    files = {name.replace("__", "/"): content for name, content in others.items()}
    return parse_requirements("r.txt", text, load=files.get, own="x")


def asked(text: str) -> list[tuple[str, int | None]]:
    return [(str(ask.requirement), ask.origin.line) for ask in read(text).asks]


def test_comments_continuations_and_hashes_are_understood() -> None:
    text = (
        "\ufeff# head\n"
        "click>=8  # why\n"
        "\n"
        "numpy==2.0 \\\n"
        "    --hash=sha256:00 \\\n"
        "    --hash=sha256:11\n"
        'rich ; python_version < "4"\n'
        "a#b @ https://example.com/x.whl#sha256=00\n".replace("a#b", "ab")
    )

    assert asked(text) == [
        ("click>=8", 2),
        ("numpy==2.0", 4),
        ('rich; python_version < "4"', 7),
        ("ab @ https://example.com/x.whl#sha256=00", 8),
    ]


def test_files_include_others_beside_them() -> None:
    found = parse_requirements(
        "req/dev.txt",
        "-r base.txt\n--constraint=../limits.txt\npytest\n",
        load={"req/base.txt": "click\n", "limits.txt": "click<9\n"}.get,
    )

    assert [str(ask.requirement) for ask in found.asks] == ["click", "pytest"]
    assert [str(ask.requirement) for ask in found.constraints] == ["click<9"]
    assert found.asks[0].origin.file == "req/base.txt"


def test_packages_are_named_by_where_they_lie() -> None:
    found = parse_requirements(
        "r.txt",
        "-e ./libs/a[fast]\n"
        "./vendor/b_c-1.0-py3-none-any.whl\n"
        "git+https://example.com/d.git@v1#egg=d[x]&subdirectory=py\n"
        "https://example.com/files/e-2.0.tar.gz\n"
        "-e .\n"
        "--editable=../f#egg=F\n",
        load={"libs/a/pyproject.toml": '[project]\nname = "A.a"\n'}.get,
        own="x",
    )

    assert [str(ask.requirement) for ask in found.asks] == [
        "a-a[fast]",
        "b-c",
        "d[x]@ git+https://example.com/d.git@v1#subdirectory=py".replace("]@", "] @"),
        "e @ https://example.com/files/e-2.0.tar.gz",
        "x",
        "f",
    ]
    assert [(rule.package, rule.path, rule.editable) for rule in found.sources] == [
        ("a-a", "libs/a", True),
        ("b-c", "vendor/b_c-1.0-py3-none-any.whl", False),
        ("f", "../f", True),
    ]


@pytest.mark.parametrize(
    ("line", "slug"),
    [
        ("--index-url https://example.com/simple", "requirements-option"),
        ("-ihttps://example.com/simple", "requirements-option"),
        ("--extra-index-url=https://example.com/simple", "requirements-option"),
        ("--pre", "requirements-option"),
        ("click --no-binary=:all:", "requirements-option"),
        ("a==${VERSION}", "variable"),
        ("a=1", "invalid-requirement"),
        ("-r missing.txt", "missing-file"),
        ("-r r.txt", "include-cycle"),
        ("./unknown", "unnamed-requirement"),
        ("-e /abs/path", "absolute-path"),
        ("a @ https://me:pw@example.com/a.whl", "credentials"),
        ("https://me:pw@example.com/a-1-py3-none-any.whl", "credentials"),
    ],
)
def test_what_cannot_be_taken_over_is_refused_with_its_line(line: str, slug: str) -> None:
    with pytest.raises(FaultsError) as caught:
        read(f"# one\n{line}\n", r__txt="", **{"r.txt": ""})

    (fault,) = caught.value.faults
    assert fault.slug == slug
    assert fault.what.startswith("r.txt:2: ")
    assert fault.fix
    assert "pw@" not in str(fault)


def test_options_that_change_nothing_are_passed_over() -> None:
    assert asked("--require-hashes\n--prefer-binary\nclick\n") == [("click", 3)]


def test_a_manifest_takes_requirements_constraints_and_places_from_files() -> None:
    text = PROJECT + '[tool.lockenv]\nrequirements = ["r.txt"]\nsources.b = { path = "own" }\n'
    others = {"r.txt": "-c c.txt\n-e ./b#egg=b\n./a#egg=a\n", "c.txt": "six<2\n"}

    found = manifest(text, others=others)

    assert [str(ask.requirement) for ask in found.dependencies] == ["b", "a"]
    assert [str(ask.requirement) for ask in found.constraints] == ["six<2"]
    assert {name: rules[0].path for name, rules in found.sources.items()} == {"a": "a", "b": "own"}

"""Every fault is told at once, with file, line and what to write."""

from __future__ import annotations

import pytest

from lockenv.errors import InputError
from lockenv.manifest import choose_manifest, unread_inputs
from tests.support.manifests import faults, manifest, schema_refuses

PROJECT = '[project]\nname = "x"\nversion = "1"\n'

SYSTEM = '[tool.lockenv.system]\nsuite = "bookworm"\n'

#: Faults that no schema can see: a description, the text after [project], the slug and the line.
ONLY_THE_READER = [
    ("a name that is declared nowhere", '[tool.lockenv]\ntargets = ["gpu"]\n', "unknown-target", 5),
    ("a default target not locked", '[tool.lockenv]\ndefault-target = "a"\n', "unknown-target", 5),
    ("a group that there is not", '[tool.lockenv]\ngroups = ["dev"]\n', "unknown-group", 5),
    ("an extra that there is not", '[tool.lockenv]\nextras = ["plot"]\n', "unknown-extra", 5),
    ("an index not declared", '[tool.lockenv.sources]\na = { index = "b" }\n', "unknown-index", 5),
    ("requirement syntax", '[tool.lockenv]\nseed = ["numpy=1"]\n', "invalid-requirement", 5),
    ("specifier syntax", '[tool.lockenv]\nrequires-lockenv = "new"\n', "invalid", 5),
    ("a day that is none", '[tool.lockenv]\nas-of = "2026-02-30"\n', "invalid", 5),
    (
        "credentials in an address",
        '[[tool.lockenv.index]]\nname = "a"\nurl = "https://me:pw@example.com/"\n',
        "credentials",
        6,
    ),
    (
        "credentials in a requirement",
        '[tool.lockenv]\nseed = ["a @ https://me:pw@example.com/a.whl"]\n',
        "credentials",
        5,
    ),
    (
        "two indexes of one name",
        '[[tool.lockenv.index]]\nname = "a"\nurl = "https://example.com"\n' * 2,
        "duplicate",
        8,
    ),
    (
        "two default indexes",
        (
            '[tool.lockenv]\nindex = [{ name = "a", url = "https://a.example", default = true },\n'
            '{ name = "b", url = "https://b.example", default = true }]\n'
        ),
        "duplicate",
        6,
    ),
    (
        "two sources for one target",
        '[tool.lockenv.sources]\na = [{ url = "https://a.example/a.whl" }, { path = "a" }]\n',
        "duplicate",
        5,
    ),
    (
        "one package by two spellings",
        '[tool.lockenv.sources]\na-b = { path = "x" }\na_B = { path = "y" }\n',
        "duplicate",
        6,
    ),
    (
        "a revision beside a path",
        '[tool.lockenv.sources]\na = { path = "x", rev = "1" }\n',
        "invalid",
        5,
    ),
    (
        "two revisions",
        '[tool.lockenv.sources]\na = { git = "https://example.com/a", rev = "1", tag = "2" }\n',
        "invalid",
        5,
    ),
    (
        "a level of another libc",
        '[tool.lockenv.target.a]\nplatform = "linux-x86_64"\nmacos = "14.0"\n',
        "invalid",
        6,
    ),
    ("a target without platform", "[tool.lockenv.target.gpu]\n", "missing-key", 4),
    (
        "system packages on macOS",
        SYSTEM + '[tool.lockenv.target.a]\nplatform = "macos-arm64"\nsystem = true\n',
        "invalid",
        8,
    ),
    (
        "system packages without [system]",
        '[tool.lockenv.target.a]\nplatform = "linux-x86_64"\nsystem = true\n',
        "invalid",
        6,
    ),
    ("an image of nothing", '[tool.lockenv.image]\nname = "a"\n', "scratch-without-system", 4),
    (
        "a base that as-of cannot hold",
        '[tool.lockenv]\nas-of = "2026-10-01"\nimage.base = "debian:12"\n',
        "base-without-digest",
        6,
    ),
    (
        "an unknown placeholder",
        '[tool.lockenv.target.linux-x86_64]\ndependencies = ["a{cuda.mojor}"]\n',
        "unknown-placeholder",
        5,
    ),
    (
        "CUDA followed and refused",
        '[tool.lockenv.target.linux-x86_64]\ncuda = false\ndependencies = ["a{cuda.major}"]\n',
        "invalid",
        6,
    ),
    (
        "a code that no finding has",
        '[tool.lockenv.policy]\nfindings.LE299 = "off"\n',
        "unknown-code",
        5,
    ),
    ("a relation's syntax", SYSTEM + 'packages = ["git (2)"]\n', "invalid-relation", 6),
    (
        "a flat archive with components",
        SYSTEM + "[[tool.lockenv.system.archive]]\n"
        'name = "a"\nurl = "https://a.example"\nsuites = ["./"]\ncomponents = ["main"]\n',
        "invalid",
        9,
    ),
    (
        "an export outside the project",
        '[[tool.lockenv.export]]\nformat = "requirements"\noutput = "../a"\n',
        "absolute-path",
        6,
    ),
    (
        "a lock that installers do not find",
        '[[tool.lockenv.export]]\nformat = "pylock"\noutput = "lock.toml"\n',
        "invalid",
        6,
    ),
    (
        "an interpreter that requires-python refuses",
        'requires-python = ">=3.12"\n[tool.lockenv]\npython = "3.11"\n',
        "python-not-admitted",
        6,
    ),
    ("a base that is not there", '[tool.lockenv]\nextends = "base.toml"\n', "missing-file", 5),
    (
        "requirements that are not there",
        '[tool.lockenv]\nrequirements = ["r.txt"]\n',
        "missing-file",
        5,
    ),
    (
        "names of targets and environments that meet",
        (
            '[tool.lockenv]\ntargets = ["a", "a-b"]\n'
            '[tool.lockenv.target.a]\nplatform = "linux-x86_64"\n'
            '[tool.lockenv.target.a-b]\nplatform = "linux-x86_64"\n'
            '[dependency-groups]\ng = []\n[tool.lockenv.environment.b]\ngroups = ["g"]\n'
        ),
        "duplicate",
        12,
    ),
    ("a reserved name", "[tool.lockenv.target.auto]\nplatform = 'linux-x86_64'\n", "invalid", 4),
]


@pytest.mark.parametrize(
    ("text", "slug", "line"),
    [case[1:] for case in ONLY_THE_READER],
    ids=[case[0] for case in ONLY_THE_READER],
)
def test_only_the_reader_sees(text: str, slug: str, line: int) -> None:
    text = PROJECT + text

    (fault,) = faults(text)

    assert schema_refuses(text) == []
    assert fault.slug == slug
    assert fault.what.startswith(f"pyproject.toml:{line}: ")
    assert fault.fix


#: Faults that the schema sees as well.
BOTH = [
    ("an unknown key", 'tagets = ["a"]\n', "unknown-key", 5),
    ("a wrong type", "targets = 1\n", "wrong-type", 5),
    ("an unknown word", 'align = "never"\n', "unknown-value", 5),
    ("an unknown platform", 'target.a.platform = "linux-x86-64"\n', "unknown-value", 5),
    ("an index without address", 'index = [{ name = "a" }]\n', "missing-key", 5),
    ("a python that is none", 'python = "2.7"\n', "invalid", 5),
    ("no python", "python = []\n", "invalid", 5),
    ("no target", "targets = []\n", "invalid", 5),
    ("an absolute path", 'extends = "/etc/base.toml"\n', "invalid", 5),
    ("a date that is no string", "as-of = 2026-10-01\n", "wrong-type", 5),
    ("cuda = true", "target.linux-x86_64.cuda = true\n", "wrong-type", 5),
    ("a source in two places", 'sources.a = { path = "a", index = "b" }\n', "invalid", 5),
    ("a reason that is none", 'ignore = [{ code = "LE403", reason = " " }]\n', "invalid", 5),
    ("a system without suite", "system.backports = true\n", "invalid", 5),
    ("an age that is none", 'minimum-release-age = "soon"\n', "invalid", 5),
    ("an unknown format", 'export = [{ format = "yaml", output = "a" }]\n', "unknown-value", 5),
    ("a port that is none", 'image = { base = "a", ports = [0] }\n', "invalid", 5),
]


@pytest.mark.parametrize(
    ("text", "slug", "line"), [case[1:] for case in BOTH], ids=[case[0] for case in BOTH]
)
def test_reader_and_schema_refuse(text: str, slug: str, line: int) -> None:
    text = PROJECT + "[tool.lockenv]\n" + text

    found = faults(text)

    assert schema_refuses(text)
    assert (found[0].slug, found[0].what.partition(": ")[0]) == (slug, f"pyproject.toml:{line}")
    assert found[0].fix


#: Faults of the standard tables: the whole text, the slug and the line.
STANDARD = [
    ('[project]\nname = "x"\n', "missing-key", 1),
    ('[project]\nversion = "1"\n', "missing-key", 1),
    ('[project]\nname = "-"\nversion = "1"\n', "invalid", 2),
    (PROJECT + 'dependecies = ["a"]\n', "unknown-key", 4),
    (PROJECT + 'dynamic = ["name"]\n', "invalid", 4),
    (PROJECT + 'dynamic = ["version"]\n', "invalid", 4),
    (PROJECT + 'dynamic = ["verzion"]\n', "unknown-key", 4),
    (PROJECT + 'requires-python = "3"\n', "invalid", 4),
    (PROJECT + "optional-dependencies = { a-b = [], a_b = [] }\n", "duplicate", 4),
    (PROJECT + '[dependency-groups]\na = [{ include-group = "b" }]\n', "unknown-group", 5),
    (PROJECT + '[dependency-groups]\na = [{ include = "b" }]\n', "wrong-type", 5),
    (PROJECT + "[dependency-groups]\na = []\nA = []\n", "duplicate", 6),
    (PROJECT + '[dependency-groups]\na = ["x[b]"]\n', "unknown-extra", 5),
    (PROJECT + "[build-system]\n", "missing-key", 4),
    (PROJECT + "[build-sytem]\nrequires = []\n", "unknown-key", 4),
    (PROJECT + '[external]\ndependencies = ["libffi"]\n', "invalid", 5),
]


@pytest.mark.parametrize(("text", "slug", "line"), STANDARD)
def test_a_standard_table_that_is_not_standard_is_a_fault(text: str, slug: str, line: int) -> None:
    (fault,) = faults(text)

    assert (fault.slug, fault.what.partition(": ")[0]) == (slug, f"pyproject.toml:{line}")


def test_all_faults_are_told_in_the_order_in_which_they_stand() -> None:
    text = PROJECT + (
        'dependencies = ["a=1"]\n[tool.lockenv]\npython = "x"\ntagets = []\nalign = 1\n'
        '[dependency-groups]\na = ["b[", { include-group = "a" }]\n'
    )

    lines = [fault.what.split(":")[1] for fault in faults(text)]

    assert lines == ["4", "6", "7", "8", "10", "10"]


def test_the_nearest_known_name_is_offered() -> None:
    (fault,) = faults(PROJECT + '[tool.lockenv]\ntagets = ["linux-x86_64"]\n')

    assert fault.fix == ("write targets",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("numpy=1.2", 'write "numpy==1.2"'),
        ("numpy^1.2", 'write "numpy>=1.2,<2"'),
        ("numpy ^0.2.1", 'write "numpy>=0.2.1,<0.3"'),
        ("numpy~1.2", 'write "numpy~=1.2"'),
        ("numpy 1.2", 'write "numpy==1.2"'),
    ],
)
def test_what_other_tools_write_is_translated(written: str, meant: str) -> None:
    (fault,) = faults(f'{PROJECT}dependencies = ["{written}"]\n')

    assert fault.fix == (meant,)


def test_a_circle_of_groups_is_one_fault() -> None:
    text = PROJECT + (
        "[dependency-groups]\n"
        'a = [{ include-group = "b" }]\n'
        'b = [{ include-group = "c" }]\n'
        'c = [{ include-group = "b" }]\n'
    )

    (fault,) = faults(text)

    assert fault.slug == "group-cycle"
    assert "b -> c -> b" in fault.what


def test_extends_that_lead_back_are_a_fault() -> None:
    others = {"a.toml": 'extends = "b.toml"\n', "b.toml": 'extends = "a.toml"\n'}

    (fault,) = faults('extends = "a.toml"\n', "lockenv.toml", others)

    assert fault.slug == "extends-cycle"
    assert fault.what.startswith("b.toml:1: ")


def test_no_credential_is_repeated() -> None:
    text = PROJECT + (
        'dependencies = ["a @ https://me:hunter2@example.com/a.whl", "b @@ https://hunter2@x.example"]\n'
        '[[tool.lockenv.index]]\nname = "a"\nurl = "https://hunter2@example.com/"\n'
        '[tool.lockenv.sources]\na = { git = "https://me:hunter2@example.com/a.git" }\n'
    )

    found = faults(text)

    assert len(found) == 4
    assert not any("hunter2" in str(fault) for fault in found)


def test_a_user_name_alone_is_no_credential_over_ssh() -> None:
    text = PROJECT + '[tool.lockenv.sources]\na = { git = "ssh://git@example.com/a.git" }\n'

    assert manifest(text).sources["a"][0].git


def test_what_is_no_toml_is_told_with_its_line() -> None:
    (fault,) = faults('[project]\nname = "x\n')

    assert fault.slug == "toml-syntax"
    assert fault.what.startswith("pyproject.toml:2: ")


def test_two_manifests_in_one_folder_are_refused() -> None:
    with pytest.raises(InputError, match=r"pyproject.toml:2") as caught:
        choose_manifest("\n[tool.lockenv]\n", "")

    assert caught.value.slug == "two-manifests"


@pytest.mark.parametrize(
    ("pyproject", "lockenv", "chosen"),
    [
        (None, None, None),
        (None, "", "lockenv.toml"),
        ("[tool.ruff]\n", None, None),
        ("[tool.ruff]\n", "", "lockenv.toml"),
        ("not toml", "", "lockenv.toml"),
        (PROJECT, None, "pyproject.toml"),
        (PROJECT, "", "lockenv.toml"),
        ("[tool.lockenv]\n", None, "pyproject.toml"),
        ("[dependency-groups]\n", None, "pyproject.toml"),
    ],
)
def test_the_manifest_of_a_folder(
    pyproject: str | None, lockenv: str | None, chosen: str | None
) -> None:
    assert choose_manifest(pyproject, lockenv) == chosen


def test_what_other_tools_would_obey_is_named() -> None:
    text = PROJECT + '[tool.uv]\n[tool.ruff]\n[tool.lockenv]\nrequirements = ["requirements.txt"]\n'
    found = manifest(text, others={"requirements.txt": ""})

    assert unread_inputs(found, {"uv.lock", "requirements.txt", "apt.txt", "x.py"}) == (
        "[tool.uv]",
        "apt.txt",
        "uv.lock",
    )

"""Wheels: identity, RECORD, commands; what tells the truth is read, what lies is refused."""

from __future__ import annotations

import hashlib
import io

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.wheel import (
    Command,
    Wheel,
    check_content,
    commands_for,
    encode_digest,
    parse_command,
    parse_entry_points,
    parse_record,
    read_wheel,
    render_archive_url,
    render_command,
    render_directory_url,
    render_provenance_url,
    render_record,
    render_shebang,
    render_vcs_url,
    rewrite_shebang,
    split_scheme,
)
from tests.support.archives import Entry, lying_wheel, record_line
from tests.support.wheels import Built, core_metadata, wheel


def read(built: Built) -> Wheel:
    return read_wheel(io.BytesIO(built.data), built.filename)


def slug_of(built: Built) -> str:
    with pytest.raises(IntegrityError) as caught:
        read(built)
    assert built.filename in caught.value.what
    return caught.value.slug


def test_a_wheel_says_who_it_is_and_what_commands_it_brings() -> None:
    built = wheel("Demo.Tool", "1.0", scripts={"demo": "demo.cli:main", "x": "demo:a.b [fast]"})

    found = read(built)

    assert (found.name, found.version, found.is_purelib) == ("demo-tool", "1.0", True)
    assert found.console == (Command("demo", "demo.cli", "main"), Command("x", "demo", "a.b"))
    assert found.gui == ()


def test_versions_are_compared_by_meaning() -> None:
    built = lying_wheel("demo", "1.0", metadata=core_metadata("Demo", "1.0.0"))

    assert read(built).version == "1.0.0"


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"metadata": core_metadata("other", "1.0")}, "wheel-identity"),
        ({"metadata": core_metadata("demo", "2.0")}, "wheel-identity"),
        ({"metadata": b"no headers"}, "wheel-identity"),
        ({"dist_info": "other-1.0.dist-info"}, "wheel-identity"),
        ({"dist_info": "demo-2.0.dist-info"}, "wheel-identity"),
        ({"filename": "demo-1.0.whl"}, "wheel-identity"),
        ({"filename": "other-1.0-py3-none-any.whl"}, "wheel-identity"),
        ({"without": ["METADATA"]}, "wheel-damaged"),
        ({"without": ["WHEEL"]}, "wheel-damaged"),
        ({"without": ["RECORD"]}, "record-missing"),
        ({"metadata": b"Name: \xff\n"}, "wheel-damaged"),
        ({"wheel_text": "Wheel-Version: 2.0\n"}, "wheel-version"),
        ({"wheel_text": "Generator: x\n"}, "wheel-version"),
        ({"entry_points": "[console_scripts]\n../evil = a:b\n"}, "wheel-damaged"),
        ({"entry_points": "[console_scripts]\na = a\n"}, "wheel-damaged"),
        ({"entry_points": "[console_scripts]\na = a:b(); import os\n"}, "wheel-damaged"),
        ({"entry_points": "a = a:b\n"}, "wheel-damaged"),
        ({"record": b""}, "record-mismatch"),
        ({"record": b"demo.py,sha256=abc,1\n"}, "record-mismatch"),
        ({"record": b"demo.py,md5=" + b"A" * 22 + b",12\n"}, "record-mismatch"),
        ({"record": b"demo.py,,\n"}, "record-mismatch"),
        ({"record": b'"demo.py\n'}, "record-mismatch"),
        ({"unlisted": [Entry("evil.pth", b"import os")]}, "record-mismatch"),
        ({"extra": [Entry("other-1.0.dist-info/METADATA", b"")]}, "wheel-damaged"),
        ({"extra": [Entry("demo-1.0.data/evil/x", b"")]}, "wheel-damaged"),
        ({"extra": [Entry("demo-1.0.data/x", b"")]}, "wheel-damaged"),
    ],
)
def test_a_wheel_that_is_not_whole_or_not_itself_is_refused(
    changes: dict[str, object], slug: str
) -> None:
    assert slug_of(lying_wheel("demo", "1.0", **changes)) == slug  # type: ignore[arg-type]  # cases


def test_a_record_that_lists_a_file_that_is_not_there_or_one_twice_is_refused() -> None:
    plain = lying_wheel("demo", "1.0")
    names = ("METADATA", "WHEEL")
    lines = [record_line("demo.py", b"VERSION = 1\n")]
    texts = (plain.metadata, b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
    lines += [
        record_line(f"demo-1.0.dist-info/{name}", text)
        for name, text in zip(names, texts, strict=True)
    ]
    whole = "\n".join(lines).encode()

    read(lying_wheel("demo", "1.0", record=whole))
    for more in (b"\ngone.py,sha256=" + b"A" * 43 + b",1\n", b"\ndemo.py,,\n"):
        assert slug_of(lying_wheel("demo", "1.0", record=whole + more)) == "record-mismatch"


def test_content_is_compared_with_its_line_of_record() -> None:
    found = read(lying_wheel("demo", "1.0"))
    truth = {"sha256": hashlib.sha256(b"VERSION = 1\n").hexdigest()}

    check_content(found, "demo.py", truth, 12)
    for digests, size in ((truth, 13), ({"sha256": "0" * 64}, 12)):
        with pytest.raises(IntegrityError) as caught:
            check_content(found, "demo.py", digests, size)
        assert caught.value.slug == "record-mismatch"


def test_every_scheme_of_the_data_folder_has_its_place() -> None:
    folder = "demo-1.0.data"
    extra = [
        Entry(f"{folder}/{scheme}/x/{scheme}")
        for scheme in ("data", "headers", "platlib", "purelib", "scripts")
    ]
    found = read(lying_wheel("demo", "1.0", extra=extra))

    places = [split_scheme(entry.path, found) for entry in extra]

    assert places == [
        (entry.path.split("/")[1], f"x/{entry.path.split('/')[1]}") for entry in extra
    ]
    assert split_scheme("demo.py", found) == ("purelib", "demo.py")


def test_record_round_trips_with_awkward_names() -> None:
    rows = [('a,"b".py', "ab" * 32, 1), ("ä.py", "cd" * 32, 0), ("x/RECORD", "", None)]

    text = render_record(rows)

    assert [(row.path, row.digest, row.size) for row in parse_record(text)] == sorted(rows)


def test_a_digest_in_hexadecimal_is_understood_though_it_should_be_base64() -> None:
    (row,) = parse_record(f"a.py,sha256={'ab' * 32},3\n")

    assert row.digest == "ab" * 32
    assert len(encode_digest("ab" * 32)) == 43


@pytest.mark.parametrize(
    "text", ["a,sha256=A,1", "a,sha256=!!,1", "a,sha256=" + "A" * 43 + ",-1", "a,,x"]
)
def test_lines_of_record_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'a'"):
        parse_record(text)


def test_entry_points_are_read_with_comments_and_blanks() -> None:
    text = "# comment\n\n[console_scripts]\n a = b:c \n; other\n[x]\ny=z\n"

    assert parse_entry_points(text) == {"console_scripts": {"a": "b:c"}, "x": {"y": "z"}}


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a\\b", "a:b", "a\nb", "[a", "a=b"])
def test_a_command_that_is_not_a_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        parse_command(name, "a:b")


def test_the_script_of_a_command_is_what_pip_writes() -> None:
    script = render_command(Command("x", "demo.cli", "app.run"), b"#!/env/bin/python\n")

    assert script == (
        b"#!/env/bin/python\n"
        b"import sys\n"
        b"from demo.cli import app\n"
        b"if __name__ == '__main__':\n"
        b"    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n"
        b"    sys.exit(app.run())\n"
    )


def test_pips_own_commands_get_the_version_of_the_environment() -> None:
    commands = (Command("pip", "pip", "main"), Command("pip3.8", "pip", "main"))

    names = [command.name for command in commands_for(commands, "3.13")]

    assert names == ["pip", "pip3", "pip3.13"]


def test_a_long_or_blank_path_of_the_interpreter_goes_through_a_shell() -> None:
    assert render_shebang("/env/bin/python", "linux") == b"#!/env/bin/python\n"
    for python in ("/my env/bin/python", "/" + "x" * 130):
        lines = render_shebang(python, "linux").decode().splitlines()
        assert lines[0] == "#!/bin/sh"
        assert python in lines[1]
    for python in ('/my "env"/bin/python', "/$HOME e/bin/python", "/a\nb/bin/python"):
        assert b"realpath" in render_shebang(python, "linux")
    assert render_shebang("/$HOME/bin/python", "linux") == b"#!/$HOME/bin/python\n"
    assert render_shebang("/" + "x" * 130, "darwin").startswith(b"#!/x")


def test_only_the_placeholder_line_of_a_script_is_rewritten() -> None:
    assert rewrite_shebang(b"#!python\nprint()\n", b"#!/p\n") == b"#!/p\nprint()\n"
    assert rewrite_shebang(b"#!pythonw -E\nx", b"#!/p\n") == b"#!/p\nx"
    assert rewrite_shebang(b"#!/bin/sh\nx", b"#!/p\n") == b"#!/bin/sh\nx"


def test_origins_are_written_as_the_specifications_say() -> None:
    commit = "c" * 40

    assert render_archive_url("https://example.com/a.whl", "ab") == (
        '{"archive_info": {"hash": "sha256=ab", "hashes": {"sha256": "ab"}}, '
        '"url": "https://example.com/a.whl"}'
    )
    assert render_vcs_url("https://example.com/r", "git", commit, "main", "sub") == (
        '{"subdirectory": "sub", "url": "https://example.com/r", "vcs_info": '
        f'{{"commit_id": "{commit}", "requested_revision": "main", "vcs": "git"}}}}'
    )
    assert render_directory_url("file:///p", editable=True) == (
        '{"dir_info": {"editable": true}, "url": "file:///p"}'
    )
    assert render_provenance_url("https://example.com/a.whl", "ab") == (
        '{"archive_info": {"hashes": {"sha256": "ab"}}, "url": "https://example.com/a.whl"}'
    )

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.index import (
    ListedFile,
    Listing,
    ListingError,
    group,
    normal_time,
    parse_files,
    parse_listing,
    parse_page,
    render_listing,
    row_of,
    version_of,
)

URL = "https://index.example.com/simple/demo/"
SHA = "0123456789abcdef" * 4
JSON = "application/vnd.pypi.simple.v1+json"


def read_html(text: str, url: str = URL) -> Listing:
    return parse_page("demo", text.encode(), content_type="text/html; charset=utf-8", url=url)


def read_json(document: object) -> Listing:
    return parse_page("demo", json.dumps(document).encode(), content_type=JSON, url=URL)


def only(listing: Listing) -> ListedFile:
    (version,) = listing.versions
    (file,) = listing.files(version)
    return file


FULL = ListedFile(
    filename="demo-1.0-py3-none-any.whl",
    url="https://files.example.com/a/demo-1.0-py3-none-any.whl",
    hashes=(f"sha256:{SHA}",),
    requires_python=">=3.8,<4",
    upload_time="2026-01-02T03:04:05Z",
    yanked="it <broke>",
    metadata=f"sha256:{SHA}",
)
FULL_HTML = (
    f'<a href="{FULL.url}#sha256={SHA}" data-requires-python="&gt;=3.8,&lt;4"'
    f' data-core-metadata="sha256={SHA}" data-yanked="it &lt;broke&gt;"'
    f' data-upload-time="2026-01-02T03:04:05.678Z">{FULL.filename}</a>'
)


@pytest.mark.parametrize(
    "page",
    [
        f"<html><body>{FULL_HTML}</body></html>",
        f"<!DOCTYPE html><!-- a comment --><html><body>{FULL_HTML}<br/>\n</body></html>",
        FULL_HTML.replace('"', "'").replace("'>", "' class=x >"),
        FULL_HTML.replace("<a ", "<A\n  ").replace("href", "HREF").replace("</a>", "</A>"),
        FULL_HTML.replace(f">{FULL.filename}<", "> the file <"),
        FULL_HTML.replace("data-core-metadata", "data-dist-info-metadata"),
        FULL_HTML.replace("&gt;", ">"),
        f'<base href="https://files.example.com/a/">{FULL_HTML}'.replace(
            f'href="{FULL.url}', f'href="{FULL.filename}'
        ),
    ],
    ids=["usual", "comment", "single", "case", "text", "old-name", "raw", "base"],
)
def test_html_in_all_its_spellings_says_the_same(page: str) -> None:
    assert only(read_html(page)) == FULL


def test_json_says_the_same_and_the_size() -> None:
    member = {
        "filename": FULL.filename,
        "url": FULL.url,
        "hashes": {"sha256": SHA},
        "requires-python": FULL.requires_python,
        "upload-time": "2026-01-02T03:04:05.678Z",
        "yanked": FULL.yanked,
        "core-metadata": {"sha256": SHA},
    }
    with_more = {**member, "size": 5, "hashes": {"sha256": SHA, "md5": "0" * 32}, "new-key": [1]}

    assert only(read_json({"meta": {"api-version": "1.0"}, "files": [member]})) == FULL
    more = only(read_json({"meta": {"api-version": "1.9"}, "files": [with_more]}))
    assert more.size == 5
    unusual = {**member, "url": "../../a%20b/demo-1.0-py3-none-any.whl"}
    found = only(read_json({"files": [unusual]}))
    assert found.url == "https://index.example.com/a%20b/demo-1.0-py3-none-any.whl"
    assert found.yanked == FULL.yanked


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ({}, None),
        ({"core-metadata": False}, None),
        ({"core-metadata": True}, ""),
        ({"dist-info-metadata": {"sha256": SHA}}, f"sha256:{SHA}"),
        ({"core-metadata": {"md5": "0" * 32}}, ""),
    ],
)
def test_metadata_files_are_offered_in_several_ways(
    said: dict[str, object], means: str | None
) -> None:
    member = {"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {}, **said}

    assert only(read_json({"files": [member]})).metadata == means


def test_yanked_without_a_reason_is_yanked() -> None:
    page = '<a href="/demo-1.0.tar.gz" data-yanked>demo-1.0.tar.gz</a>'

    assert only(read_html(page)).yanked == ""
    member = {"filename": "demo-1.0.tar.gz", "url": "/demo-1.0.tar.gz", "hashes": {}}
    assert only(read_json({"files": [{**member, "yanked": True}]})).yanked == ""
    assert only(read_json({"files": [{**member, "yanked": False}]})).yanked is None


def test_unknown_files_are_passed_over() -> None:
    names = [
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-1-py3-none-any.whl",
        "demo-1.0-1-py3-none-any-variant.whl",
        "demo-1.0-1-py3-none-any-a-b.whl",
        "demo-1.0.json",
        "demo-1.0-py2.7.egg",
        "demo-1.0.win32.exe",
        "demo-not.a.version.tar.gz",
        "other-1.0.tar.gz",
    ]
    page = "".join(f'<a href="{name}">{name}</a>' for name in names)
    listing = read_html(page)

    assert [file.filename for file in listing.files("1.0")] == [names[1], names[0]]
    assert listing.versions == ("1.0",)


def test_versions_are_canonical_and_newest_first() -> None:
    names = ["demo-1.0.tar.gz", "demo-1.0.0-py3-none-any.whl", "Demo-1.10.zip", "demo-1.9rc1.zip"]
    listing = read_html("".join(f'<a href="{name}">{name}</a>' for name in names))

    assert listing.versions == ("1.10", "1.9rc1", "1.0")
    assert len(listing.files("1.0")) == 2


@pytest.mark.parametrize(
    ("filename", "name", "version"),
    [
        ("zope.interface-5.0.tar.gz", "zope-interface", "5.0"),
        ("zope_interface-5.0-cp311-cp311-win32.whl", "zope-interface", "5.0"),
        ("a-b-1.0-2.tar.gz", "a-b", "1.0-2"),
        ("a-1-2.0.zip", "a-1", "2.0"),
        ("a-2.0.tar.bz2", "a", "2.0"),
        ("a-2.0.tar.gz.asc", "a", None),
        ("b-2.0.tar.gz", "a", None),
        ("-.tar.gz", "a", None),
        (".whl", "a", None),
    ],
)
def test_file_names_say_the_version(filename: str, name: str, version: str | None) -> None:
    assert version_of(filename, name) == version


@pytest.mark.parametrize("version", ["2.0", "10.1", "x"])
def test_a_major_version_that_is_too_new_is_refused(version: str) -> None:
    page = f'<meta name="pypi:repository-version" content="{version}"><a href="demo-1.zip">x</a>'

    with pytest.raises(ListingError, match="Simple API"):
        read_html(page)
    with pytest.raises(ListingError, match="Simple API"):
        read_json({"meta": {"api-version": version}, "files": []})


@pytest.mark.parametrize(
    "page",
    ["", "<html><body>Bad gateway</body></html>", '<a href="/login?next=x">log in</a>', "\x00\xff"],
)
def test_a_page_of_an_error_is_no_index_page(page: str) -> None:
    with pytest.raises(ListingError):
        read_html(page)


@pytest.mark.parametrize(
    "page",
    [
        "<h1>Links for demo</h1>",
        '<meta name="pypi:repository-version" content="1.0">',
        "<title>Links for demo</title>",
    ],
)
def test_a_project_without_files_is_a_page(page: str) -> None:
    assert read_html(page).versions == ()


@pytest.mark.parametrize("document", ["[]", '{"files": {}}', "{", '"x"', "[" * 100_000])
def test_broken_json_is_refused(document: str) -> None:
    with pytest.raises(ListingError):
        parse_page("demo", document.encode(), content_type=JSON, url=URL)


def test_broken_members_are_passed_over() -> None:
    good = {"filename": "demo-1.0.zip", "url": "demo-1.0.zip", "hashes": None, "size": -1}
    bad = [1, {}, {"filename": 1, "url": "x"}, {"filename": "a/b-1.zip", "url": "x"}]

    assert only(read_json({"files": [*bad, good]})).size is None


@pytest.mark.parametrize("kind", ["", "application/octet-stream", "text/plain"])
def test_another_content_type_is_refused(kind: str) -> None:
    with pytest.raises(ListingError, match="content type"):
        parse_page("demo", b"", content_type=kind, url=URL)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ListingError, match="no address of a file"):
        read_html('<a href="javascript:demo-1.0.zip">demo-1.0.zip</a>')


def test_project_status_is_read_from_both() -> None:
    page = (
        '<meta name="pypi:project-status" content="quarantined">'
        '<meta name="pypi:project-status-reason" content="bad &amp; worse">'
        "<h1>Links for demo</h1>"
    )
    document = {"files": [], "project-status": {"status": "archived", "reason": "done"}}

    assert (read_html(page).status, read_html(page).status_reason) == ("quarantined", "bad & worse")
    assert (read_json(document).status, read_json(document).status_reason) == ("archived", "done")


def test_a_flat_page_has_files_of_many_projects() -> None:
    page = b'<a href="demo-1.0.zip">a</a><a href="other-2.0.zip">b</a><a href="../">up</a>'
    rows = parse_files(page, content_type="text/html", url="https://example.com/flat/")
    listing = group("other", rows, status=("active", ""), mirror="")

    assert only(listing).url == "https://example.com/flat/other-2.0.zip"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.999999Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-02 03:04:05", None),
        ("yesterday", None),
    ],
)
def test_times_are_cut_to_seconds_in_utc(text: str, normal: str | None) -> None:
    assert normal_time(text) == normal


_TEXT = st.text(max_size=12)
_FILES = st.builds(
    ListedFile,
    filename=st.sampled_from(["demo-1.0.zip", "demo-1.0-py3-none-any.whl", "demo-2.tar.gz"]),
    url=st.sampled_from(["https://e.example/x*", "https://e.example/demo-1.0.zip", "file:///a"]),
    hashes=st.sampled_from([(), (f"sha256:{SHA}",), ("md5:" + "0" * 32, f"sha256:{SHA}")]),
    requires_python=st.one_of(st.none(), _TEXT),
    size=st.one_of(st.none(), st.integers(0, 1 << 60)),
    upload_time=st.sampled_from([None, "2026-01-02T03:04:05Z"]),
    yanked=st.one_of(st.none(), _TEXT),
    metadata=st.sampled_from([None, "", f"sha256:{SHA}"]),
)


@given(st.lists(_FILES, max_size=5), _TEXT, _TEXT)
def test_the_kept_form_holds_any_listing(files: list[ListedFile], reason: str, host: str) -> None:
    listing = group("demo", map(row_of, files), status=("active", reason), mirror=host)
    again = parse_listing(render_listing(listing))

    assert again.versions == listing.versions
    for version in listing.versions:
        found = again.files(version)
        assert found == listing.files(version)
        expected = [one for one in files if version_of(one.filename, "demo") in {version, "2"}]
        assert len(found) <= len(files)
        assert {one.size for one in found} <= {one.size for one in expected}


@given(st.text(alphabet="<>a href=\"'/#-sha256=.whl&;\x00\n1", max_size=80))
def test_no_html_breaks_the_reader(text: str) -> None:
    for page in (text, f"<a {text}>demo-1.0.zip</a>", f"<!---->{text}"):
        try:
            read_html(page)
        except ListingError:
            continue


@pytest.mark.parametrize(
    "link", ["mailto:keeper@index.example", "ftp://old.example/", "http://[broken/", "?C=M;O=A"]
)
def test_a_link_that_is_no_file_does_not_spoil_a_page(link: str) -> None:
    body = f'<a href="{link}">x</a><a href="demo-1.0.tar.gz">demo-1.0.tar.gz</a>'.encode()

    listing = parse_page(
        "demo", body, content_type="text/html", url="https://index.example/simple/demo/"
    )

    assert list(listing.versions) == ["1.0"]


@pytest.mark.parametrize("end", ["", "<a href='demo-1.0.tar.gz'>x</a>"])
def test_a_declaration_that_the_parser_gives_up_on_is_no_page(end: str) -> None:
    body = f"<base href='https://index.example/'><![-- a{end}".encode()

    with pytest.raises(ListingError):
        parse_page("demo", body, content_type="text/html", url="https://index.example/")

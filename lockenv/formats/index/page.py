"""Pages of the Simple repository API to listings, JSON and HTML.

PEP 503, 592, 629, 658, 691, 700, 714 and 792.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lockenv.formats.index.json_page import parse_json_page
from lockenv.formats.index.listing import (
    ListedFile,
    Listing,
    ListingError,
    Row,
    clean,
    group,
    row_of,
)
from lockenv.formats.index.values import (
    absolute,
    check_version,
    digest_of,
    is_plain,
    join,
    normal_time,
)
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: JSON is asked for first: it has sizes and times. HTML is what every index has.
_API = "application/vnd.pypi.simple.v1"
ACCEPT = f"{_API}+json, {_API}+html;q=0.2, text/html;q=0.1"

_JSON = {"application/vnd.pypi.simple.v1+json", "application/json"}
_HTML = {"application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml"}


def parse_page(name: str, body: bytes, *, content_type: str, url: str, mirror: str = "") -> Listing:
    """What a page says about the project ``name`` (normalised).

    ``url`` is where the page came from, ``mirror`` the host if that is a mirror. `ListingError`
    says what is wrong with the page.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _JSON:
        status, files = parse_json_page(body, url)
    elif kind in _HTML:
        status, files = _parse_html(body.decode("utf-8", "replace"), url)
    else:
        raise ListingError(f"its content type is {kind or 'not said'}, neither JSON nor HTML")
    return group(name, files, status=status, mirror=mirror)


def parse_files(body: bytes, *, content_type: str, url: str) -> Sequence[Row]:
    """Every file that a page links to, of whatever project (a flat index)."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _JSON:
        return parse_json_page(body, url)[1]
    if kind in _HTML:
        return _parse_html(body.decode("utf-8", "replace"), url, flat=True)[1]
    raise ListingError(f"its content type is {kind or 'not said'}, neither JSON nor HTML")


# -- HTML ------------------------------------------------------------------------------------------

#: First an anchor in the usual form: an absolute address with a sha256, plain characters alone,
#: attributes in double quotes; else any anchor with quoted or bare attribute values. Within each
#: form an alternative begins with a character that no other begins with, and none runs on into the
#: next tag: time is linear.
_ANY_ANCHOR = re.compile(
    r"""(<a\ href="(https?://[!-!$-%'-;=@-~]*/)([\w.+!-]+)\#sha256=([0-9a-f]{64})"
        ((?:\ [a-z-]+="[^"\x00-\x1f\x7f-\xa0\u2028\u2029]*")*?)
        (?:\ data-upload-time="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")?>\3</a>)
      | <[aA]\s((?:"[^"]*"|'[^']*'|[^'"<>])*)>([^<]*)""",
    re.VERBOSE | re.ASCII,
)
_PAIR = re.compile(r'([a-z-]+)="([^"]*)"')
_ATTRIBUTE = re.compile(r"""([^\s=/"'>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_META = re.compile(r"""<meta\s((?:"[^"]*"|'[^']*'|[^'"<>])*)>""", re.IGNORECASE)
#: Comments and declarations, also one that never ends.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<[!?][^>]*(?:>|\Z)", re.DOTALL)
#: A tag up to its end, or a mark that begins none.
_TAG = re.compile(r"""<[a-zA-Z/!?](?:"[^"]*"|'[^']*'|[^'"<>])*>|<""")
#: What makes anchors mean something else than they say, so that only the real parser will do.
_INTRICATE = re.compile(
    r"<!--|<base\b|<script\b|<style\b|<textarea\b|<title>[^<]*<a\s", re.IGNORECASE
)
#: How index software begins a page without any file, by which it is known from an error page.
_EMPTY_PAGE = re.compile(
    r"<h1>\s*Links for|pypi:repository-version|<title>\s*Links for", re.IGNORECASE
)
_FILE_ENDING = re.compile(
    r"\.(?:whl|tar\.gz|zip|tar\.bz2|tgz|tar\.xz|egg|exe|msi|rpm|deb|dmg)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """One ``<a>``: its attributes with names in lower case, and its text."""

    attributes: dict[str, str]
    text: str


def _parse_html(text: str, url: str, *, flat: bool = False) -> tuple[tuple[str, str], list[Row]]:
    if _INTRICATE.search(text):
        meta, base, anchors = _walk(text)
        found: list[Row] = []
    else:
        meta, base, (found, anchors) = _meta(text), "", _scan(text)
    check_version(meta.get("pypi:repository-version", "1.0"))
    here = absolute(url, base) if base else url
    files = (_html_file(anchor, here) for anchor in anchors)
    found += [row_of(file) for file in files if file is not None]
    if (
        not flat
        and not _EMPTY_PAGE.search(text)
        and not any(_FILE_ENDING.search(name) for name, _ in found)
    ):
        raise ListingError("its HTML links to no file, as the page of an error or a login would")
    status = (meta.get("pypi:project-status", "active"), meta.get("pypi:project-status-reason", ""))
    return status, found


def _scan(text: str) -> tuple[list[Row], list[_Anchor]]:
    """The files of anchors in the usual form, and the other anchors.

    The usual form is that of the large indexes, and the pages there have thousands of them.
    """
    rows: list[Row] = []
    others: list[_Anchor] = []
    # Neighbours mostly have the same attributes but for the time.
    before, tail = "", _said("")
    for usual, prefix, name, digits, rest, time, head, label in _ANY_ANCHOR.findall(text):
        if not usual:
            others.append(_Anchor(_attributes(head), label))
            continue
        if rest != before:
            before, tail = rest, _said(rest)
        when = f"{time}Z" if time else tail[1]
        start = f"{name}\x1f{prefix}*\x1fsha256:{digits}\x1f{tail[0]}\x1f\x1f{when}\x1f"
        rows.append((name, start + tail[2]))
    return rows, others


def _said(attributes: str) -> tuple[str, str, str]:
    """As columns: Requires-Python, the upload time, and what comes after it."""
    said = dict(_PAIR.findall(attributes))
    python = clean(unescape(said.get("data-requires-python", "")))
    time = normal_time(said["data-upload-time"]) if "data-upload-time" in said else None
    yanked = said.get("data-yanked")
    reason = "" if yanked is None else "!" + clean(unescape(yanked))
    offered = said.get("data-core-metadata", said.get("data-dist-info-metadata"))
    kept = "" if offered in {None, "false"} else "!" + _html_metadata(offered or "")
    return python, time or "", f"{reason}\x1f{kept}"


def _meta(text: str) -> dict[str, str]:
    metas = (_attributes(head) for head in _META.findall(text, 0, 1 << 16))
    return {one["name"].lower(): one.get("content", "") for one in metas if "name" in one}


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        value = double or single or bare
        found.setdefault(name.lower(), unescape(value) if "&" in value else value)
    return found


def _walk(text: str) -> tuple[dict[str, str], str, Iterable[_Anchor]]:
    # Few pages need it, and a warm lock parses none.
    from lockenv.formats.index.walker import Walker  # noqa: PLC0415 - start-up

    walker = Walker()
    try:
        # The parser reads on to the end of the page from each mark that begins nothing.
        told = _COMMENT.sub("", text)
        walker.feed(_TAG.sub(lambda found: found[0] if len(found[0]) > 1 else "&lt;", told))
        walker.close()
    except (ValueError, AssertionError) as error:  # the latter of some broken declarations
        raise ListingError(f"its HTML cannot be read: {error}") from error
    return walker.meta, walker.base, [_Anchor(*one) for one in walker.anchors]


def _html_file(anchor: _Anchor, base: str) -> ListedFile | None:
    attributes = anchor.attributes
    href = attributes.get("href", "").strip()
    if not href:
        return None
    address, _, fragment = href.partition("#")
    # The last part of the address is the file's name (PEP 503 wants the text to be the same).
    filename = unquote(address.partition("?")[0].rpartition("/")[2])
    # What is no distribution may be any address: a page may link to its keeper's mail.
    if not is_plain(filename) or not _FILE_ENDING.search(filename):
        return None
    digest = digest_of(fragment.partition("&")[0].replace("=", ":", 1))
    time = attributes.get("data-upload-time")
    offered = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    return ListedFile(
        filename=filename,
        url=join(base, address),
        hashes=(digest,) if digest else (),
        requires_python=attributes.get("data-requires-python") or None,
        upload_time=normal_time(time) if time else None,
        yanked=attributes.get("data-yanked"),
        metadata=None if offered in {None, "false"} else _html_metadata(offered or ""),
    )


def _html_metadata(offered: str) -> str:
    digest = digest_of(offered.replace("=", ":", 1))
    return digest if digest and digest.startswith("sha256:") else ""


def unescape(text: str) -> str:
    """The text without character references."""
    # Its table is large, and only pages need it.
    from html import unescape as plain  # noqa: PLC0415 - start-up

    return plain(text)

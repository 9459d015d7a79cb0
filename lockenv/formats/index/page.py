"""Pages of the Simple repository API to listings, JSON and HTML.

PEP 503, 592, 629, 658, 691, 700, 714 and 792.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urljoin, urlsplit

from lockenv.fields import parse_json
from lockenv.formats.index.listing import (
    ListedFile,
    Listing,
    ListingError,
    Row,
    clean,
    group,
    row_of,
)
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: JSON is asked for first: it has sizes and times. HTML is what every index has.
_API = "application/vnd.pypi.simple.v1"
ACCEPT = f"{_API}+json, {_API}+html;q=0.2, text/html;q=0.1"

_JSON = {"application/vnd.pypi.simple.v1+json", "application/json"}
_HTML = {"application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml"}
#: PEP 629: a page of another major version must not be guessed at.
_MAJOR = 1


def parse_page(name: str, body: bytes, *, content_type: str, url: str, mirror: str = "") -> Listing:
    """What a page says about the project ``name`` (normalised).

    ``url`` is where the page came from, ``mirror`` the host if that is a mirror. `ListingError`
    says what is wrong with the page.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _JSON:
        status, files = _parse_json(body, url)
    elif kind in _HTML:
        status, files = _parse_html(body.decode("utf-8", "replace"), url)
    else:
        raise ListingError(f"its content type is {kind or 'not said'}, neither JSON nor HTML")
    return group(name, files, status=status, mirror=mirror)


def parse_files(body: bytes, *, content_type: str, url: str) -> Sequence[Row]:
    """Every file that a page links to, of whatever project (a flat index)."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _JSON:
        return _parse_json(body, url)[1]
    if kind in _HTML:
        return _parse_html(body.decode("utf-8", "replace"), url, flat=True)[1]
    raise ListingError(f"its content type is {kind or 'not said'}, neither JSON nor HTML")


# -- JSON ------------------------------------------------------------------------------------------


def _parse_json(body: bytes, url: str) -> tuple[tuple[str, str], list[Row]]:
    try:
        document: object = parse_json(body)
    except ValueError as error:
        raise ListingError(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ListingError("its JSON is no object")
    meta = document.get("meta")
    version = meta.get("api-version") if isinstance(meta, dict) else None
    _check_version(version if isinstance(version, str) else "1.0")
    members = document.get("files")
    if not isinstance(members, list):
        raise ListingError("its JSON has no list of files")
    files = []
    for member in members:
        if isinstance(member, dict):
            row = _usual_row(member) or _json_row(member, url)
            if row is not None:
                files.append(row)
    return _json_status(document.get("project-status")), files


def _json_status(value: object) -> tuple[str, str]:
    if not isinstance(value, dict):
        return "active", ""
    status, reason = value.get("status"), value.get("reason")
    return (
        status if isinstance(status, str) else "active",
        reason if isinstance(reason, str) else "",
    )


_USUAL_NAME = re.compile(r"[A-Za-z0-9_.+!-]+")
_USUAL_PLACE = re.compile(r"https?://[!$%'-;=@-~]*/")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _usual_row(member: Mapping[str, object]) -> Row | None:
    """What the large indexes say of a file, quickly; None for whatever is out of the ordinary."""
    name, url, hashes = member.get("filename"), member.get("url"), member.get("hashes")
    if type(name) is not str or type(url) is not str or type(hashes) is not dict:
        return None
    digits = hashes.get("sha256")
    place = url[: -len(name)]
    if (
        not _USUAL_NAME.fullmatch(name)
        or not url.endswith(name)
        or not _USUAL_PLACE.fullmatch(place)
        or type(digits) is not str
        or not _SHA256.fullmatch(digits)
    ):
        return None
    size, time, python = (
        member.get("size"),
        member.get("upload-time"),
        member.get("requires-python"),
    )
    yanked = member.get("yanked")
    offered = member.get("core-metadata", member.get("dist-info-metadata"))
    written = normal_time(time) if type(time) is str else None
    wanted = clean(python) if type(python) is str else ""
    length = size if type(size) is int and size >= 0 else ""
    reason = "!" + clean(yanked) if type(yanked) is str else "!" if yanked is True else ""
    said = _json_metadata(offered) if offered else None
    return name, (
        f"{name}\x1f{place}*\x1fsha256:{digits}\x1f{wanted}\x1f{length}\x1f{written or ''}"
        f"\x1f{reason}\x1f{'' if said is None else '!' + said}"
    )


def _json_row(member: Mapping[str, object], base: str) -> Row | None:
    file = _json_file(member, base)
    return None if file is None else row_of(file)


def _json_file(member: Mapping[str, object], base: str) -> ListedFile | None:
    filename, url = member.get("filename"), member.get("url")
    if not isinstance(filename, str) or not isinstance(url, str) or not _is_plain(filename):
        return None
    hashes, python, size = member.get("hashes"), member.get("requires-python"), member.get("size")
    time, yanked = member.get("upload-time"), member.get("yanked")
    offered = member.get("core-metadata", member.get("dist-info-metadata"))
    return ListedFile(
        filename=filename,
        url=_join(base, url),
        hashes=_json_hashes(hashes),
        requires_python=python if isinstance(python, str) and python else None,
        size=size if isinstance(size, int) and size >= 0 else None,
        upload_time=normal_time(time) if isinstance(time, str) else None,
        yanked=yanked if isinstance(yanked, str) else ("" if yanked is True else None),
        metadata=_json_metadata(offered),
    )


def _json_hashes(value: object) -> tuple[str, ...]:
    if not isinstance(value, dict):
        return ()
    found = (_digest(f"{name}:{digits}") for name, digits in value.items())
    return tuple(sorted(text for text in found if text))


def _json_metadata(offered: object) -> str | None:
    if isinstance(offered, dict):
        digits = offered.get("sha256")
        if type(digits) is str and _SHA256.fullmatch(digits):
            return "sha256:" + digits
        return next((text for text in _json_hashes(offered) if text.startswith("sha256:")), "")
    return "" if offered is True else None


# -- HTML ------------------------------------------------------------------------------------------

#: First an anchor in the usual form: an absolute address with a sha256, plain characters alone,
#: attributes in double quotes; else any anchor with quoted or bare attribute values. Within each
#: form an alternative begins with a character that no other begins with: time is linear.
_ANY_ANCHOR = re.compile(
    r"""(<a\ href="(https?://[!-!$-%'-;=@-~]*/)([\w.+!-]+)\#sha256=([0-9a-f]{64})"
        ((?:\ [a-z-]+="[^"\x00-\x1f\x7f-\xa0\u2028\u2029]*")*?)
        (?:\ data-upload-time="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")?>\3</a>)
      | <[aA]\s((?:"[^"]*"|'[^']*'|[^'">])*)>([^<]*)""",
    re.VERBOSE | re.ASCII,
)
_PAIR = re.compile(r'([a-z-]+)="([^"]*)"')
_ATTRIBUTE = re.compile(r"""([^\s=/"'>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_META = re.compile(r"""<meta\s((?:"[^"]*"|'[^']*'|[^'">])*)>""", re.IGNORECASE)
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
    _check_version(meta.get("pypi:repository-version", "1.0"))
    here = _address(url, base) if base else url
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
        walker.feed(text)
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
    if not _is_plain(filename) or not _FILE_ENDING.search(filename):
        return None
    digest = _digest(fragment.partition("&")[0].replace("=", ":", 1))
    time = attributes.get("data-upload-time")
    offered = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    return ListedFile(
        filename=filename,
        url=_join(base, address),
        hashes=(digest,) if digest else (),
        requires_python=attributes.get("data-requires-python") or None,
        upload_time=normal_time(time) if time else None,
        yanked=attributes.get("data-yanked"),
        metadata=None if offered in {None, "false"} else _html_metadata(offered or ""),
    )


def _html_metadata(offered: str) -> str:
    digest = _digest(offered.replace("=", ":", 1))
    return digest if digest and digest.startswith("sha256:") else ""


# -- both ------------------------------------------------------------------------------------------


def unescape(text: str) -> str:
    """The text without character references."""
    # Its table is large, and only pages need it.
    from html import unescape as plain  # noqa: PLC0415 - start-up

    return plain(text)


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def normal_time(text: str) -> str | None:
    """A time as RFC 3339 in UTC, cut to seconds; None if it is none."""
    if _TIME.fullmatch(text):
        return text[:19] + "Z"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_version(version: str) -> None:
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) > _MAJOR:
        raise ListingError(
            f"it is of version {version} of the Simple API, and 1 is the newest known"
        )


#: The hashes that indexes give (PEP 503, 691), by the length that each has.
_DIGEST = re.compile(
    r"md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}"
    r"|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}"
)


def _digest(text: str) -> str | None:
    lowered = text.lower()
    return lowered if _DIGEST.fullmatch(lowered) else None


def _is_plain(filename: str) -> bool:
    return bool(filename) and filename.isprintable() and not {"/", "\\"} & set(filename)


def _join(base: str, reference: str) -> str:
    # Most references are absolute, and joining is slow.
    if reference.startswith(("https://", "http://")) and " " not in reference:
        return reference if reference.isascii() else quote(reference, safe=_URL_SAFE)
    joined = _address(base, reference.strip())
    if urlsplit(joined).scheme not in {"https", "http", "file"}:
        raise ListingError(f"it links to {joined[:100]!r}, which is no address of a file")
    return quote(joined, safe=_URL_SAFE, errors="replace")


def _address(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:  # such as a bracket without its other half, where a host should be
        raise ListingError(f"it links to {reference[:100]!r}, which is no address") from None


#: Everything that may stand in an address as it is.
_URL_SAFE = "%/:=&?~#+!$,;'@()*[]-._"

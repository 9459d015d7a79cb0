"""Pages of the Simple repository API in JSON (PEP 691, 700, 714, 792) to the rows of a listing.

Large projects list fifteen thousand files, nearly all in the very form of the first one. So the
form of the first is made a pattern, and only what has another form is read by the JSON parser.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from lockenv.fields import parse_json
from lockenv.formats.index.listing import ListedFile, ListingError, Row, row_of
from lockenv.formats.index.values import check_version, digest_of, is_plain, join, normal_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Where the files begin, if there are any.
_FILES = re.compile(r'"files"\s*:\s*\[\s*(?=\{)')
_NEXT = re.compile(r"\s*(?:,\s*(?=\{)|(?=\]))")
#: What stands in the document for files that were read before; no index lists such a name.
_READ = "/"
#: With more files than this in a form of their own, a page is no usual one.
_MOST_UNUSUAL = 16


def parse_json_page(body: bytes, url: str) -> tuple[tuple[str, str], list[Row]]:
    """The status of a project and its reason, and the files; `ListingError` if it is no page."""
    quick = _by_pattern(body, url)
    if quick is not None:
        document, rows = quick
    else:
        document, rows = _document(body), []
    meta = document.get("meta")
    version = meta.get("api-version") if isinstance(meta, dict) else None
    check_version(version if isinstance(version, str) else "1.0")
    if quick is None:
        members = document.get("files")
        if not isinstance(members, list):
            raise ListingError("its JSON has no list of files")
        rows = [row for member in members if (row := _row(member, url)) is not None]
    return _status(document.get("project-status")), rows


def _document(text: str | bytes) -> dict[str, object]:
    try:
        document: object = parse_json(text)
    except ValueError as error:
        raise ListingError(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ListingError("its JSON is no object")
    return document


def _status(value: object) -> tuple[str, str]:
    if not isinstance(value, dict):
        return "active", ""
    status, reason = value.get("status"), value.get("reason")
    return (
        status if isinstance(status, str) else "active",
        reason if isinstance(reason, str) else "",
    )


# -- a file as the parser gives it -----------------------------------------------------------------


def _row(member: object, base: str) -> Row | None:
    if not isinstance(member, dict):
        return None
    file = _file(member, base)
    return None if file is None else row_of(file)


def _file(member: Mapping[str, object], base: str) -> ListedFile | None:
    filename, url = member.get("filename"), member.get("url")
    if not isinstance(filename, str) or not isinstance(url, str) or not is_plain(filename):
        return None
    hashes, python, size = member.get("hashes"), member.get("requires-python"), member.get("size")
    time, yanked = member.get("upload-time"), member.get("yanked")
    offered = member.get("core-metadata", member.get("dist-info-metadata"))
    return ListedFile(
        filename=filename,
        url=join(base, url),
        hashes=_hashes(hashes),
        requires_python=python if isinstance(python, str) and python else None,
        size=size if type(size) is int and size >= 0 else None,
        upload_time=normal_time(time) if isinstance(time, str) else None,
        yanked=yanked if isinstance(yanked, str) else ("" if yanked is True else None),
        metadata=_metadata(offered),
    )


def _hashes(value: object) -> tuple[str, ...]:
    if not isinstance(value, dict):
        return ()
    found = (digest_of(f"{name}:{digits}") for name, digits in value.items())
    return tuple(sorted(text for text in found if text))


def _metadata(offered: object) -> str | None:
    if isinstance(offered, dict):
        return next((text for text in _hashes(offered) if text.startswith("sha256:")), "")
    return "" if offered is True else None


# -- the files that look like the first ------------------------------------------------------------


def _by_pattern(body: bytes, url: str) -> tuple[dict[str, object], list[Row]] | None:
    """The document without its files, and those; None where the parser has to read it all."""
    try:
        text = body.decode()
        start = _FILES.search(text)
        if start is None:
            return None
        first, end = _one(text, start.end())
        pattern = _pattern_of(text[start.end() : end], first)
        found = _rows(text, start.end(), pattern, url) if pattern is not None else None
    except (ValueError, RecursionError):
        return None
    if found is None:
        return None
    rows, end = found
    document = _document(f'{text[: start.end()]}"{_READ}"{text[end:]}')
    return (document, rows) if document.get("files") == [_READ] else None


def _one(text: str, place: int) -> tuple[object, int]:
    """The JSON value at a place, and where it ends."""
    decoder = json.JSONDecoder()
    value, end = decoder.raw_decode(text, place)
    return value, end


def _rows(
    text: str, place: int, pattern: re.Pattern[str], url: str
) -> tuple[list[Row], int] | None:
    """The files from a place on, and where their list ends."""
    rows: list[Row] = []
    unusual = 0
    while True:
        found = pattern.findall(text, place)
        rest = found.pop()[-1] if found and found[-1][-1] else ""
        rows += _usual_rows(found, pattern.groupindex)
        place = len(text) - len(rest)
        if rest.startswith("]"):
            return rows, place
        unusual += 1
        if not rest.startswith("{") or unusual > _MOST_UNUSUAL:
            return None
        member, end = _one(text, place)
        row = _row(member, url)
        rows += [] if row is None else [row]
        following = _NEXT.match(text, end)
        if following is None:
            return None
        place = following.end()


_YANKED = {"": "", "null": "", "false": "", "true": "!"}
_OFFERED = {"": "", "null": "", "false": "", "true": "!"}


def _usual_rows(found: list[tuple[str, ...]], groups: Mapping[str, int]) -> Iterator[Row]:
    """What `row_of` makes of the files, from the groups of the pattern; -1 is always empty."""
    name, place, digits = groups["name"] - 1, groups["place"] - 1, groups["digits"] - 1
    python, size = groups.get("python", 0) - 1, groups.get("size", 0) - 1
    time, yanked = groups.get("time", 0) - 1, groups.get("yanked", 0) - 1
    offered = groups.get("offered", 0) - 1
    for one in found:
        when, reason, how = one[time], one[yanked], one[offered]
        reason = _YANKED[reason] if reason in _YANKED else f"!{reason[1:-1]}"
        how = _OFFERED[how] if how in _OFFERED else f"!sha256:{how[-66:-2]}"
        start = (
            f"{one[name]}\x1f{one[place]}*\x1fsha256:{one[digits]}\x1f{one[python]}\x1f{one[size]}"
        )
        yield one[name], f"{start}\x1f{when}{when and 'Z'}\x1f{reason}\x1f{how}"


def _pattern_of(text: str, first: object) -> re.Pattern[str] | None:
    """The pattern for files in the form of the first one; None if that is a form of its own."""
    if not isinstance(first, dict):
        return None
    for comma, colon in ((", ", ": "), (",", ":")):
        if text == json.dumps(first, separators=(comma, colon), ensure_ascii=False):
            return _pattern(tuple(first), comma, colon)
    return None


#: Text without escapes and without what `clean` would replace. All alternatives of a value begin
#: differently, so that time is linear.
_TEXT = r'[^"\\\x00-\x1f\x7f\x85\u2028\u2029]*'
_SHA256 = r'\{"sha256": "[0-9a-f]{64}"\}'
_VALUES = {
    "filename": r'"(?P<name>[A-Za-z0-9_.+!-]+)"',
    "url": r'"(?P<place>https?://[!$%\'-;=@-\[\]-~]*/)(?P=name)"',
    "hashes": r'\{"sha256": "(?P<digits>[0-9a-f]{64})"\}',
    "requires-python": rf'(?:null|"(?P<python>{_TEXT})")',
    "size": r"(?:null|(?P<size>0|[1-9][0-9]{0,17}))",
    "upload-time": r'(?:null|"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")',
    "yanked": rf'(?P<yanked>null|false|true|"{_TEXT}")',
    "core-metadata": rf"(?P<offered>null|false|true|{_SHA256})",
    "dist-info-metadata": rf"(?P<offered>null|false|true|{_SHA256})",
}
_OTHER = rf'(?:null|false|true|-?[0-9]+|"{_TEXT}"|{_SHA256}|\[\]|\{{\}})'
_KEY = re.compile(r"[a-z0-9_-]+")


@lru_cache(maxsize=64)
def _pattern(keys: tuple[str, ...], comma: str, colon: str) -> re.Pattern[str] | None:
    """What matches one file with these keys, and as the last group whatever else comes."""
    wanted = [key for key in keys if key in {"filename", "hashes", "url"}]
    if len(wanted) < 3 or wanted.index("filename") > wanted.index("url"):
        return None
    if not all(map(_KEY.fullmatch, keys)):
        return None
    values = dict(_VALUES)
    if "core-metadata" in keys:
        values["dist-info-metadata"] = _OTHER
    members = [f'"{key}": {values.get(key, _OTHER)}' for key in keys]
    file = r"\{" + ", ".join(members) + r"\}"
    file = file.replace(": ", colon).replace(", ", comma)
    return re.compile(rf"{file}(?:{comma}(?=\{{)|(?=\]))|([\s\S]+)", re.ASCII)

"""What a wheel is: whose, what it holds, and whether it tells the truth about itself.

Follows the binary distribution format (wheel version 1.x). The name and version must be the same in
the file name, the name of ``.dist-info`` and METADATA; every file must have its line in RECORD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NoReturn

from lockenv.errors import IntegrityError
from lockenv.formats.wheel.archive import LIMITS, Limits, Member, read_member, read_members
from lockenv.formats.wheel.entrypoints import Command, parse_command, parse_entry_points
from lockenv.formats.wheel.record import STRONG, RecordRow, parse_record
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

#: RECORD and its signatures, which cannot be listed with a hash.
UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")
#: The folders below ``.data`` that the specification knows.
SCHEMES = ("purelib", "platlib", "scripts", "headers", "data")
#: No real METADATA, RECORD or entry_points.txt comes near: the largest RECORDs are some 5 MB.
_LARGEST_DOCUMENT = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel that was looked through but whose contents were not yet hashed.

    ``name`` is normalised, ``version`` as METADATA has it. ``members`` stand in the order of their
    data in the archive; ``record`` has a row with a strong hash for each but RECORD's own files.
    """

    filename: str
    name: str
    version: str
    dist_info: str
    is_purelib: bool
    console: tuple[Command, ...]
    gui: tuple[Command, ...]
    members: tuple[Member, ...]
    record: Mapping[str, RecordRow]


def read_wheel(file: BinaryIO, filename: str, limits: Limits = LIMITS) -> Wheel:
    """The wheel in a file object that can seek; `IntegrityError` for whatever is wrong with it."""
    members = read_members(file, filename, limits)
    by_path = {member.path: member for member in members}
    dist_info = _dist_info(by_path, filename)

    def document(name: str) -> str | None:
        member = by_path.get(f"{dist_info}/{name}")
        if member is None:
            return None
        try:
            return read_member(file, member, filename, _LARGEST_DOCUMENT).decode("utf-8")
        except UnicodeDecodeError:
            _refuse(filename, "wheel-damaged", f"has a {name} that is not UTF-8")

    name, version = _identity(document("METADATA"), dist_info, filename)
    console, gui = _commands(document("entry_points.txt") or "", filename)
    wheel = Wheel(
        filename=filename,
        name=name,
        version=version,
        dist_info=dist_info,
        is_purelib=_is_purelib(document("WHEEL"), filename),
        console=console,
        gui=gui,
        members=members,
        record=_record(document("RECORD"), by_path, dist_info, filename),
    )
    for path in by_path:
        split_scheme(path, wheel)
    return wheel


def split_scheme(path: str, wheel: Wheel) -> tuple[str, str]:
    """The install scheme that a member belongs to, and its path below it."""
    top, _, below = path.partition("/")
    if not top.endswith(".data"):
        return "purelib" if wheel.is_purelib else "platlib", path
    scheme, _, rest = below.partition("/")
    if scheme not in SCHEMES or not rest:
        _refuse(wheel.filename, "wheel-damaged", f"has a file for no known place: {path!r}")
    return scheme, rest


def check_content(wheel: Wheel, path: str, digests: Mapping[str, str], size: int) -> None:
    """Compare what a member turned out to be with its line of RECORD.

    ``digests`` maps algorithm to hexadecimal digest and has the algorithm that the line names.
    """
    row = wheel.record.get(path)
    if row is None:  # RECORD and its signatures: read_wheel made sure that nothing else has none
        return
    if digests[row.algorithm] != row.digest or row.size not in {None, size}:
        raise IntegrityError(
            "record-mismatch",
            f"{wheel.filename} lies in its RECORD about {path!r}",
            why=[
                f"RECORD    {row.algorithm}:{row.digest} ({row.size} bytes)",
                f"contained {row.algorithm}:{digests[row.algorithm]} ({size} bytes)",
            ],
            fix=["do not use this file; report it to the index that serves it"],
        )


def _dist_info(by_path: Mapping[str, Member], filename: str) -> str:
    tops = sorted({path.partition("/")[0] for path in by_path if "/" in path})
    found = [top for top in tops if top.endswith(".dist-info")]
    if len(found) != 1:
        _refuse(filename, "wheel-damaged", f"has {len(found)} .dist-info folders instead of one")
    return found[0]


def _identity(metadata: str | None, dist_info: str, filename: str) -> tuple[str, str]:
    from packaging.utils import (  # noqa: PLC0415 - start-up: most commands open no wheel
        InvalidWheelFilename,
        canonicalize_name,
        canonicalize_version,
        parse_wheel_filename,
    )

    if metadata is None:
        _refuse(filename, "wheel-damaged", "has no METADATA")
    try:
        file_name, file_version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        _refuse(filename, "wheel-identity", f"is not named as a wheel: {error}")
    headers = parse_headers(metadata)
    name, version = headers.get("name", ""), headers.get("version", "")
    folder_name, _, folder_version = dist_info.removesuffix(".dist-info").rpartition("-")
    says = {
        (str(file_name), canonicalize_version(file_version)),
        (canonicalize_name(name), canonicalize_version(version)),
        (canonicalize_name(folder_name), canonicalize_version(folder_version)),
    }
    if len(says) != 1:
        raise IntegrityError(
            "wheel-identity",
            f"{filename} is another package inside than its name says",
            why=[f"METADATA  {name} {version}", f"contained {dist_info}"],
            fix=["do not use this file; report it to the index that serves it"],
        )
    return str(file_name), version


def _is_purelib(text: str | None, filename: str) -> bool:
    if text is None:
        _refuse(filename, "wheel-damaged", "has no WHEEL")
    headers = parse_headers(text)
    version = headers.get("wheel-version", "")
    if version.partition(".")[0] != "1":
        _refuse(filename, "wheel-version", f"is of wheel version {version[:40]!r}, not 1.x")
    return headers.get("root-is-purelib", "").lower() == "true"


def parse_headers(text: str) -> dict[str, str]:
    """The first value of each header before the first empty line, by lower-case name."""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            headers.setdefault(name.strip().lower(), value.strip())
    return headers


def _commands(text: str, filename: str) -> tuple[tuple[Command, ...], tuple[Command, ...]]:
    try:
        groups = parse_entry_points(text)
        console, gui = (
            tuple(
                parse_command(name, reference) for name, reference in groups.get(kind, {}).items()
            )
            for kind in ("console_scripts", "gui_scripts")
        )
    except ValueError as error:
        _refuse(filename, "wheel-damaged", f"has a broken entry_points.txt: {error}")
    return console, gui


def _record(
    text: str | None, by_path: Mapping[str, Member], dist_info: str, filename: str
) -> dict[str, RecordRow]:
    if text is None:
        _refuse(filename, "record-missing", "has no RECORD")
    try:
        rows = parse_record(text)
    except ValueError as error:
        _refuse(filename, "record-mismatch", f"has a RECORD that cannot be read: {error}")
    unhashed = {f"{dist_info}/{name}" for name in UNHASHED}
    record: dict[str, RecordRow] = {}
    for row in rows:
        if record.setdefault(row.path, row) != row:
            _refuse(filename, "record-mismatch", f"lists {row.path!r} twice in its RECORD")
    for path in by_path.keys() - unhashed:
        listed = record.get(path)
        if listed is None or listed.algorithm not in STRONG:
            _refuse(filename, "record-mismatch", f"has no hash in its RECORD for {path!r}")
    for path in sorted(record.keys() - by_path.keys() - unhashed):
        _refuse(filename, "record-mismatch", f"lists a file that it does not have: {path!r}")
    return {path: row for path, row in record.items() if path not in unhashed}


def _refuse(filename: str, slug: str, fact: str) -> NoReturn:
    raise IntegrityError(
        slug,
        f"{filename} {fact}",
        why=["such a wheel is refused whole; nothing of it was used"],
        fix=["do not use this file; report it to the index that serves it"],
    )

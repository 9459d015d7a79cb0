"""Text to Lock (contract 3): every fault in one go, each with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lockenv.errors import FaultsError, InputError, IntegrityError, LockenvError
from lockenv.fields import Fault, Fields
from lockenv.formats.toml import parse_toml
from lockenv.lockfile.conflict import has_markers
from lockenv.lockfile.duplicates import duplicates
from lockenv.lockfile.entries import read_build, read_interpreter, read_package, read_target
from lockenv.lockfile.places import Places
from lockenv.lockfile.system_entries import (
    read_archive,
    read_base_image,
    read_component,
    read_image,
    read_preference,
    read_system_package,
)
from lockenv.lockfile.writer import is_writable
from lockenv.model import LOCK_NAME, LOCK_VERSION, Finding, Lock
from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: A lock of ten thousand packages has about 20 MB; what is larger is no lock.
SIZE_LIMIT = 128 * 1024 * 1024
_VERSION = pattern(r"(\d{1,6})\.(\d{1,6})\Z")
_KEYS = (
    "lock-version",
    "request",
    "targets",
    "interpreters",
    "packages",
    "builds",
    "system-archives",
    "system-packages",
    "cuda-components",
    "base-images",
    "images",
    "preferences",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a lock's text turned out to be.

    ``lock`` is None where it cannot be used. ``findings`` are LE108, LE202 and LE206; ``faults``
    are errors of status 2 that have no finding code.
    """

    lock: Lock | None
    findings: tuple[Finding, ...] = ()
    faults: tuple[LockenvError, ...] = ()


def decode_lock(data: bytes, *, name: str = LOCK_NAME) -> str:
    """The text of a lock's bytes; InputError where they are none."""
    if len(data) > SIZE_LIMIT:
        raise InputError(
            "lock-too-large",
            f"{name} has {len(data)} bytes, more than any lock",
            fix="lockenv lock",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            "not-utf-8",
            f"{name}:{line} is not UTF-8",
            fix=f"git restore {name}, or lockenv lock",
        ) from None


def parse_lock(text: str, *, name: str = LOCK_NAME) -> Lock:
    """The lock, or the reason why it cannot be used.

    IntegrityError (status 4) where a hash is missing or an entry stands twice, InputError with all
    faults (status 2) for everything else. A newer minor is read; see `is_writable`.
    """
    inspection = inspect_lock(text, name=name)
    lock = inspection.lock
    findings = [item for item in inspection.findings if item.severity == "error"]
    if lock is not None:
        findings += duplicates(lock, text, name=name)
    grave = [item for item in findings if item.code in {"LE202", "LE203"}]
    if grave:
        first = grave[0]
        raise IntegrityError(
            first.code,
            first.message,
            why=[item.message for item in grave[1:]],
            fix=first.fix or "lockenv lock",
        )
    errors = [*(InputError(item.code, item.message, fix=item.fix) for item in findings)]
    if errors or inspection.faults or lock is None:
        raise FaultsError([*errors, *inspection.faults])
    return lock


def inspect_lock(text: str, *, name: str = LOCK_NAME) -> Inspection:
    """What `check` needs to know of a text before it can look at the lock itself."""
    if has_markers(text):
        return _refused("LE206", f"{name} has merge markers", "lockenv lock", name, text)
    try:
        fields = Fields(parse_toml(name, text))
    except InputError as error:
        mended = InputError(error.slug, error.what, fix=f"git restore {name}, or lockenv lock")
        return Inspection(lock=None, faults=(mended,))
    version = _version(fields)
    if version is not None and version.split(".")[0] != LOCK_VERSION.split(".")[0]:
        return _refused(
            "LE108",
            f"{name} has format {version}, this lockenv reads {LOCK_VERSION}",
            "use a newer lockenv for this project",
            name,
            text,
        )
    tolerant = version is not None and not is_writable(version)
    lock = _read(fields, version or LOCK_VERSION)
    return _judge(lock, fields.faults, text, name=name, tolerant=tolerant)


def _refused(code: str, message: str, fix: str, name: str, text: str) -> Inspection:
    line = 1
    if code == "LE206":
        lines = text.splitlines()
        line = next(number for number, one in enumerate(lines, 1) if has_markers(one))
    finding = Finding(code=code, message=message, layer="lock", file=name, line=line, fix=fix)
    return Inspection(lock=None, findings=(finding,))


def _version(fields: Fields) -> str | None:
    version = fields.required_text("lock-version")
    if version and _VERSION.match(version) is None:
        fields.complain(f'lock-version is "{version[:100]}", not like "1.0"', "lock-version")
    return version if _VERSION.match(version) else None


def _read(fields: Fields, version: str) -> Lock:
    fields.reject_unknown(_KEYS)
    request = fields.below("request")
    return Lock(
        version=version,
        request={} if request is None else {key: request.texts(key) for key in request.table},
        targets=_each(fields, "targets", read_target),
        packages=_each(fields, "packages", read_package),
        builds=_each(fields, "builds", read_build),
        system_packages=_each(fields, "system-packages", read_system_package),
        system_archives=_each(fields, "system-archives", read_archive),
        interpreters=_each(fields, "interpreters", read_interpreter),
        cuda_components=_each(fields, "cuda-components", read_component),
        base_images=_each(fields, "base-images", read_base_image),
        images=_each(fields, "images", read_image),
        preferences=_each(fields, "preferences", read_preference),
    )


def _each(fields: Fields, key: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
    return tuple(read(table) for table in fields.tables(key))


def _judge(lock: Lock, faults: list[Fault], text: str, *, name: str, tolerant: bool) -> Inspection:
    """Sort what was complained about: findings with a code, and faults without."""
    findings: list[Finding] = []
    if tolerant:
        faults = [fault for fault in faults if fault.slug != "unknown-key"]
        findings.append(
            Finding(
                code="LE108",
                message=f"{name} has format {lock.version}, this lockenv knows {LOCK_VERSION}",
                layer="lock",
                severity="warning",
                file=name,
                line=1,
                fix="use a newer lockenv for this project",
            )
        )
    errors: list[LockenvError] = []
    places = Places(text)
    for fault in faults:
        line = places.exact(fault.path)
        if fault.slug == "LE202":
            findings.append(
                Finding(
                    code="LE202",
                    message=f"{name}:{line}: {fault.message}",
                    layer="lock",
                    file=name,
                    line=line,
                    fix=f"git restore {name}, or lockenv lock",
                )
            )
        else:
            fix = fault.fix or f"git restore {name}, or lockenv lock"
            errors.append(InputError(fault.slug, f"{name}:{line}: {fault.message}", fix=fix))
    unusable = errors or any(item.code == "LE202" for item in findings)
    return Inspection(
        lock=None if unusable else lock, findings=tuple(findings), faults=tuple(errors)
    )

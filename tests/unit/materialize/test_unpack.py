"""The store of unpacked wheels: whole or not there, shared by processes, repaired when damaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError
from lockenv.materialize import UnpackedStore, WheelFile
from lockenv.model import sha256
from tests.support.archives import Entry, lying_wheel
from tests.support.wheels import Built, wheel

if TYPE_CHECKING:
    from pathlib import Path


def stored(built: Built, folder: Path) -> WheelFile:
    return WheelFile(built.write(folder / "blobs"), built.filename, sha256(built.sha256))


@pytest.fixture
def store(tmp_path: Path) -> UnpackedStore:
    return UnpackedStore(tmp_path / "unpacked")


def leftovers(store: UnpackedStore) -> list[str]:
    return [path.name for path in store.folder.iterdir() if path.name.startswith(".")]


def test_a_wheel_lies_in_the_store_as_its_archive_has_it(
    store: UnpackedStore, tmp_path: Path
) -> None:
    built = wheel("demo", "1.0", files={"demo/a.py": "a", "demo/b.bin": os.urandom(3 << 20)})
    file = stored(built, tmp_path)

    unpacked = store.unpack([file])[file.digest]

    assert store.load(file.digest) == unpacked
    assert (unpacked.name, unpacked.version, unpacked.is_purelib) == ("demo", "1.0", True)
    assert [one.path for one in unpacked.files][-2:] == ["demo/a.py", "demo/b.bin"]
    assert leftovers(store) == []


def test_a_wheel_with_very_many_files_is_unpacked_in_portions(
    store: UnpackedStore, tmp_path: Path
) -> None:
    file = stored(
        wheel("demo", "1.0", files={f"demo/{n}.py": str(n) for n in range(3200)}), tmp_path
    )

    unpacked = store.unpack([file], jobs=3)[file.digest]

    assert len(unpacked.files) == 3203
    assert [one.path for one in unpacked.files] == sorted(one.path for one in unpacked.files)
    assert store.load(file.digest) == unpacked


@pytest.mark.parametrize("damage", ["content", "size", "gone", "index", "index gone"])
def test_damage_is_found_and_mended(store: UnpackedStore, tmp_path: Path, damage: str) -> None:
    file = stored(wheel("demo", "1.0"), tmp_path)
    unpacked = store.unpack([file])[file.digest]
    place = store.folder / file.digest.hex[:2] / file.digest.hex
    module = place / "files" / "demo.py"
    module.chmod(0o644)
    if damage == "content":
        module.write_text("VERSION = '6.6'\n")
        os.utime(module, ns=(1, 1))
    elif damage == "size":
        module.write_text("")
    elif damage == "gone":
        module.unlink()
    elif damage == "index":
        data = (place / "index").read_bytes()
        (place / "index").write_bytes(data.replace(b"demo", b"evil"))
    else:
        (place / "index").unlink()

    assert store.load(file.digest) is None
    store.unpack([file])
    mended = store.load(file.digest)
    assert mended is not None
    assert [one[:4] for one in mended.files] == [one[:4] for one in unpacked.files]
    assert module.read_text() == "VERSION = '1.0'\n"
    assert leftovers(store) == []


@pytest.mark.parametrize(
    "built",
    [
        lying_wheel("demo", "1.0", extra=[Entry("../../evil", b"x")]),
        lying_wheel("demo", "1.0", extra=[Entry("link", b"/etc/passwd", mode=0o120777)]),
        lying_wheel("demo", "1.0", extra=[Entry("a", b"abc", crc=1)]),
        lying_wheel("demo", "1.0", extra=[Entry("a", b"abc", declared=1)]),
        lying_wheel("demo", "1.0", unlisted=[Entry("b", b"abc")]),
    ],
)
def test_a_refused_wheel_leaves_nothing_behind(
    store: UnpackedStore, tmp_path: Path, built: Built
) -> None:
    good = stored(wheel("good", "1.0"), tmp_path)

    with pytest.raises(IntegrityError):
        store.unpack([good, stored(built, tmp_path)], jobs=1)

    assert leftovers(store) == []
    assert not (tmp_path.parent / "evil").exists()
    assert not (tmp_path / "evil").exists()


def test_a_file_that_lies_in_record_is_refused_while_it_is_unpacked(
    store: UnpackedStore, tmp_path: Path
) -> None:
    record = b"".join(
        f"{path},sha256={'A' * 43},1\n".encode()
        for path in ("demo.py", "demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/WHEEL")
    )

    with pytest.raises(IntegrityError) as caught:
        store.unpack([stored(lying_wheel("demo", "1.0", record=record), tmp_path)])

    assert caught.value.slug == "record-mismatch"
    assert leftovers(store) == []


def test_bit_rot_of_the_blob_is_told_from_a_bad_wheel(store: UnpackedStore, tmp_path: Path) -> None:
    file = stored(wheel("demo", "1.0"), tmp_path)
    data = bytearray(file.path.read_bytes())
    data[40] ^= 1  # in the first member's data
    file.path.write_bytes(bytes(data))

    with pytest.raises(IntegrityError) as caught:
        store.unpack([file])

    assert caught.value.slug == "blob-damaged"


def test_processes_that_unpack_the_same_wheel_at_once_all_succeed(
    store: UnpackedStore, tmp_path: Path
) -> None:
    file = stored(wheel("demo", "1.0", files={f"demo/{n}.py": "" for n in range(50)}), tmp_path)
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:  # pragma: no cover - a process of its own
            try:
                for _ in range(5):
                    store.unpack([file], jobs=1)
            except BaseException:  # noqa: BLE001 - whatever it is, the parent tells
                os._exit(1)
            os._exit(0)
        children.append(child)

    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    assert statuses == [0] * 6
    assert store.load(file.digest) is not None
    assert leftovers(store) == []

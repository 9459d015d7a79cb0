"""Where fragments, layers and roots lie in the store, by the key of what they are made from."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lockenv.formats.oci import render_json
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.formats.oci import Compressor


def key_of(*parts: object) -> str:
    """A name for what these values make; any change of them is another name."""
    return hashlib.sha256(render_json(list(parts))).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class ImageStore:
    """The part of the store that images are built in; ``cache`` is the store's own folder."""

    cache: Path

    def fragment(self, key: str, compressor: Compressor) -> Path:
        """The data of a fragment; its index lies beside it, and so do those of other compressors.

        What stands between the dots is the compressor's name, then what tells its label.
        """
        label = key_of(compressor.label)[:8]
        return self._place("fragments", key) / f"{key}.{compressor.name}-{label}.data"

    def layer(self, key: str) -> Path:
        """The blob of a layer; its facts lie beside it."""
        return self._place("layers", key) / f"{key}.layer"

    def root(self, key: str) -> Path:
        """The folder of a configured root; its facts lie beside it, as ``KEY.json``."""
        folder = self.cache / "image" / "roots"
        folder.mkdir(parents=True, exist_ok=True)
        # Programs in a root are setuid, and age in it: nobody else on this machine gets at them.
        with suppress(OSError):
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
        return folder / key

    def temporary(self) -> Path:
        """The name of a file that is about to be made in the store."""
        folder = self.cache / "image" / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{os.getpid()}.{secrets.token_hex(8)}.part"

    def _place(self, kind: str, key: str) -> Path:
        folder = self.cache / "image" / kind / key[:2]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def work(self) -> Iterator[Path]:
        """A folder for files that are needed until the block ends."""
        folder = self.cache / "image" / "work"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            yield folder / name


class RotError(Exception):
    """What the store kept is not what was written; it is gone, and can be made again."""


def write_json(path: Path, value: object) -> None:
    """Write a document whole or not at all."""
    # Two containers that share a store have processes of one number.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    temporary.write_bytes(checked_json(value))
    temporary.replace(path)


def checked_json(value: object) -> bytes:
    """The value as `read_json` reads it: a line with the digest of the rest, and JSON."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def read_json(path: Path) -> Any:  # noqa: ANN401 - what `write_json` was given
    """The value that was written there; None where there is none, or it has rotted."""
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    is_sound = hashlib.sha256(body).hexdigest().encode() == digest
    return json.loads(body) if is_sound else None


def sha256_of(path: Path) -> str:
    """The digest of a file in hexadecimal; empty where there is none to read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""

"""Manifests for tests: a builder that reads a text, a manifest that uses every key, its schema."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from lockenv.errors import FaultsError
from lockenv.fields import Fields
from lockenv.manifest import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.errors import LockenvError
    from lockenv.model import Manifest

#: ``schemas/manifest.schema.json``.
SCHEMA = Fields(
    json.loads(
        (Path(__file__).parents[2] / "schemas" / "manifest.schema.json").read_text(encoding="utf-8")
    )
)


def manifest(
    text: str, file: str = "pyproject.toml", others: Mapping[str, str] | None = None
) -> Manifest:
    """The manifest in a text; ``others`` are the files beside it, by relative path."""
    return parse_manifest(file, text, load=(others or {}).get)


def faults(
    text: str, file: str = "pyproject.toml", others: Mapping[str, str] | None = None
) -> tuple[LockenvError, ...]:
    """The faults that reading a text tells, in order; the test fails if there is none."""
    with pytest.raises(FaultsError) as caught:
        manifest(text, file, others)
    return caught.value.faults


def schema_refuses(text: str, file: str = "pyproject.toml") -> list[str]:
    """What the JSON Schema has against a manifest (of a pyproject.toml: its table of ours)."""
    document: object = tomllib.loads(text)
    schema: dict[str, object] = dict(SCHEMA.table)
    if file == "pyproject.toml":
        tools = document.get("tool") if isinstance(document, dict) else None
        document = tools.get("lockenv", {}) if isinstance(tools, dict) else {}
        schema = {"$ref": "#/$defs/tool", "$defs": SCHEMA.raw("$defs")}
    return [error.message for error in Draft202012Validator(schema).iter_errors(document)]


#: Every key of the contract at least once, as a ``lockenv.toml``.
EVERY_KEY = """
requires-python = ">=3.11"
dependencies = ["numpy>=2", "torch"]
python = ["3.11", "3.12.1", "3.13t"]
python-source = "standalone"
targets = ["gpu", "laptop", "linux-aarch64"]
default-target = "gpu"
align = "prefer"
as-of = "2026-10-01"
package = false
seed = ["pip"]
groups = ["dev"]
extras = ["plot"]
constraints = ["numpy<3"]
overrides = ["urllib3==2.2"]
exclude = ["setuptools"]
resolution = "highest"
prerelease = ["black"]
minimum-release-age = "7 days"
exempt = ["jinja2==3.1.7"]
requires-lockenv = ">=1"
follow = "uv.lock"

[optional-dependencies]
plot = ["matplotlib"]

[dependency-groups]
test = ["pytest"]
dev = [{ include-group = "test" }, "ruff"]
docs = ["sphinx"]

[target.gpu]
platform = "linux-x86_64"
python = "3.11"
python-source = "debian"
groups = ["dev"]
extras = ["plot"]
dependencies = ["cupy-cuda{cuda.major}x"]
constraints = ["scipy<2"]
glibc = "2.28"
system = { packages = ["git"] }
cuda = { driver = "535", gpus = ["A100", "H100"] }

[target.laptop]
platform = "macos-arm64"
macos = "14.0"
cuda = false

[target.alpine]
platform = "linux-x86_64-musl"
musl = "1.2"
system = false

[environment.docs]
groups = ["docs"]
extras = ["plot"]

[[index]]
name = "internal"
url = "https://packages.example.com/simple/"
explicit = true
default = false
format = "simple"
upload-time = "require"

[[index]]
name = "wheels"
url = "vendor/wheels"
format = "flat"
upload-time = "ignore"

[sources]
torch = [
    { index = "internal", target = "gpu" },
    { url = "https://example.com/t.whl", target = ["laptop"] },
]
mylib = { path = "../mylib", editable = true }
tool = { git = "https://example.com/tool.git", tag = "v1", subdirectory = "python" }
other = { git = "ssh://git@example.com/other.git", rev = "0123abc" }
third = { git = "https://example.com/third.git", branch = "main" }

[policy]
sdist = { antlr4-python3-runtime = "locked-build" }
native-libraries = "warn"
allow = ["numpy>=2"]
deny = ["leftpad"]
findings = { LE403 = "error" }

[[ignore]]
code = "LE403"
package = "opencv-python"
target = "gpu"
reason = "headless servers"

[system]
distribution = "debian"
suite = "bookworm"
components = ["main", "contrib"]
packages = [
    "ffmpeg (>= 5)",
    "default-mta | mail-transport-agent",
    "git=1:2.39",
    "curl/bookworm",
    "libc6:i386",
]
backports = true
recommends = false
architectures = ["i386"]
prefer = ["postfix"]
scripts = "run"
check-valid-until = true

[[system.archive]]
name = "vendor"
url = "https://apt.example.com/debian"
suites = ["stable"]
components = ["main"]
architectures = ["amd64"]
signed-by = "keys/vendor.gpg"
priority = 400
check-valid-until = false

[[system.archive]]
name = "flat"
url = "https://apt.example.com/flat"
suites = ["./"]

[cuda]
driver = "535"
gpus = ["A100"]
archs = ["8.0"]
toolkit = ">=12.4,<13"
source = "wheels"
sources = { nvcc = "debian" }
components = ["nvcc"]
cudnn = ">=9.1,<10"
nccl = ">=2.21"
majors = "one"
ptx = "allow"
forward-compat = false
strategy = "newest-packages"

[image]
target = "gpu"
groups = ["dev"]
extras = ["plot"]
project = true
base = "scratch"
name = "registry.example.com/team/app:1"
user = "app"
workdir = "/app"
entrypoint = ["python"]
cmd = ["-m", "app"]
env = { TZ = "UTC" }
labels = { team = "x" }
ports = [8080, "53/udp"]
compression = "zstd"

[images.slim]
base = "debian@sha256:0123456789012345678901234567890123456789012345678901234567890123"
project = false

[[export]]
format = "pylock"
target = "gpu"
output = "pylock.gpu.toml"
"""

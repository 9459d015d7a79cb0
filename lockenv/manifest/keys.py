"""The keys and words that a manifest may hold (contract 2); `schemas/` says the same in JSON."""

from __future__ import annotations

#: Keys of ``[tool.lockenv]``; of ``lockenv.toml`` too, with those of `LOCKENV_TOML`.
TOOL = (
    "python",
    "python-source",
    "targets",
    "default-target",
    "align",
    "as-of",
    "package",
    "seed",
    "extends",
    "requirements",
    "groups",
    "extras",
    "constraints",
    "overrides",
    "exclude",
    "resolution",
    "prerelease",
    "minimum-release-age",
    "exempt",
    "requires-lockenv",
    "follow",
    "target",
    "environment",
    "index",
    "sources",
    "policy",
    "ignore",
    "system",
    "cuda",
    "image",
    "images",
    "export",
)
LOCKENV_TOML = ("requires-python", "dependencies", "optional-dependencies", "dependency-groups")

TARGET = (
    "platform",
    "python",
    "python-source",
    "groups",
    "extras",
    "dependencies",
    "constraints",
    "glibc",
    "musl",
    "macos",
    "system",
    "cuda",
)
INDEX = ("name", "url", "explicit", "default", "format", "upload-time")
SOURCE = (
    "index",
    "git",
    "rev",
    "branch",
    "tag",
    "subdirectory",
    "url",
    "path",
    "editable",
    "target",
)
POLICY = ("sdist", "native-libraries", "allow", "deny", "findings")
IGNORE = ("code", "package", "target", "reason")
SYSTEM = (
    "distribution",
    "suite",
    "components",
    "packages",
    "backports",
    "recommends",
    "architectures",
    "prefer",
    "scripts",
    "check-valid-until",
    "archive",
)
ARCHIVE = (
    "name",
    "url",
    "suites",
    "components",
    "architectures",
    "signed-by",
    "priority",
    "check-valid-until",
)
CUDA = (
    "driver",
    "gpus",
    "archs",
    "toolkit",
    "source",
    "sources",
    "components",
    "cudnn",
    "nccl",
    "majors",
    "ptx",
    "forward-compat",
    "strategy",
)
IMAGE = (
    "target",
    "groups",
    "extras",
    "project",
    "base",
    "name",
    "user",
    "workdir",
    "entrypoint",
    "cmd",
    "env",
    "labels",
    "ports",
    "compression",
)
EXPORT = ("format", "target", "output", "groups", "extras", "options")
ENVIRONMENT = ("groups", "extras")

PYTHON_SOURCES = ("standalone", "debian", "host")
ALIGNMENTS = ("prefer", "require", "off")
RESOLUTIONS = ("highest", "lowest", "lowest-direct")
PRERELEASES = ("if-necessary", "allow", "deny")
SDIST_POLICIES = ("deny", "allow", "locked-build")
NATIVE_LIBRARIES = ("warn", "error", "add", "off")
SEVERITIES = ("error", "warn", "off")
DISTRIBUTIONS = ("debian", "ubuntu", "none")
SCRIPTS = ("run", "none")
CUDA_SOURCES = ("wheels", "debian", "redistributable")
COMPRESSIONS = ("gzip", "zstd", "none")
#: Which key sets the oldest version to run on, by the kind of libc that a platform has.
LEVELS = {"glibc": "glibc", "musl": "musl", "macos": "macos"}

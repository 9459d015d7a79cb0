"""A Dockerfile that makes a selection again, for teams whose builds must stay on BuildKit.

Every file is checked against the hash in the lock: Debian packages by apt's own downloader, from
the snapshot service, without an index; the interpreter by sha256sum; wheels by pip. The result is
the same environment, but not the same bytes as ``lockenv image``: file times, maintainer scripts
and layers are the builder's.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from lockenv.errors import InputError
from lockenv.interchange.dockerfile_python import build_lines, is_built
from lockenv.lockfile import target_of
from lockenv.tables.distributions import snapshot_of, snapshot_roots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.interchange.runnable import Runnable
    from lockenv.lockfile import Selection
    from lockenv.model import ArchiveState, Lock, LockedSystemPackage

_DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}\Z")
_VENV = "/opt/lockenv/venv"


def render_dockerfile(lock: Lock, selection: Selection, run: Runnable) -> str:
    """The text. InputError where no base with a digest is known, or a part cannot be had there."""
    target = target_of(selection.target)
    platform = f"linux/{target.platform.oci_architecture}"
    system, packages = _system(lock, selection)
    stages = [
        "# syntax=docker/dockerfile:1",
        "# Made by lockenv from lockenv.lock: edit the manifest, then run `lockenv lock`.",
        f"# Target {selection.target.name}, environment {run.environment}.",
        *system,
        f"FROM --platform={platform} {_base(lock, selection, run)} AS system",
        *packages,
        "",
        "FROM system AS build",
        *build_lines(selection, with_project=run.declared.project),
        "",
        "FROM system",
        "COPY --from=build /opt/lockenv/ /opt/lockenv/",
        *_settings(selection, run),
    ]
    text = "\n".join(stages) + "\n"
    if any(not character.isprintable() and character != "\n" for character in text):
        raise InputError(
            "control-character",
            "a control character stands in what the Dockerfile would say",
            fix="remove it from the manifest, then lockenv lock",
        )
    return text


def _base(lock: Lock, selection: Selection, run: Runnable) -> str:
    said = run.text("base")
    if said:
        if not _DIGEST.match(said):
            raise InputError(
                "base-without-digest",
                f"--base is {said[:200]}, which carries no digest",
                fix=f"--base {said.partition('@')[0][:200]}@sha256:…",
            )
        return said
    target = selection.target.name
    for image in lock.base_images:
        if target in image.targets and image.reference == run.declared.base:
            return f"{image.reference.partition('@')[0]}@{image.digest}"
    if _DIGEST.match(run.declared.base):
        return run.declared.base
    suite = selection.target.suite or "bookworm"
    raise InputError(
        "no-base",
        f"a Dockerfile starts from an image, and target {target} has no locked one",
        why=f"the image's base is {run.declared.base}",
        fix=f"--base debian:{suite}-slim@sha256:…, or base in [image]",
    )


def _system(lock: Lock, selection: Selection) -> tuple[list[str], list[str]]:
    """The arguments that name the archives, and the stage that installs their packages."""
    states = {state.key: state for state in lock.system_archives}
    used = [states[key] for key in dict.fromkeys(one.archive for one in selection.system_packages)]
    if not used:
        return [], []
    names = _argument_names(used)
    arguments = [
        "# Where each archive is had: any mirror will do, since the hashes decide.",
        *(f"ARG {names[state.key]}={_root(state)}" for state in used),
    ]
    rows = [_row(package, names) for package in selection.system_packages]
    lines = [
        *(f"ARG {name}" for name in names.values()),
        "RUN set -eu; \\",
        "    mkdir -p /tmp/lockenv; cd /tmp/lockenv; \\",
        "    want() { \\",
        "        have=$(dpkg-query -W -f '${db:Status-Status} ${Version}' \"$1:$3\" \\",
        "            2>/dev/null || true); \\",
        '        [ "$have" = "installed $2" ] || \\',
        '            /usr/lib/apt/apt-helper download-file "$4" "/tmp/lockenv/$5" "SHA256:$6"; \\',
        "    }; \\",
        *(f"    want {row}; \\" for row in rows),
        # Without lists, apt knows no other package than these files.
        "    rm -rf /var/lib/apt/lists/*; \\",
        "    if ls /tmp/lockenv/*.deb >/dev/null 2>&1; then \\",
        "        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\",
        "            --allow-downgrades --allow-change-held-packages \\",
        "            /tmp/lockenv/*.deb; \\",
        "    fi; \\",
        "    rm -rf /tmp/lockenv /var/lib/apt/lists/* /var/cache/apt/archives/*.deb",
        *_sources(used),
    ]
    return arguments, lines


def _argument_names(used: list[ArchiveState]) -> dict[str, str]:
    """``ARCHIVE_DEBIAN_BOOKWORM`` and so on; of several states of a suite the later are counted."""
    found: dict[str, str] = {}
    for state in sorted(used, key=lambda one: one.key):
        stem = re.sub(r"[^A-Z0-9]+", "_", f"ARCHIVE_{state.name}_{state.suite}".upper()).strip("_")
        name, count = stem, 2
        while name in found.values():
            name, count = f"{stem}_{count}", count + 1
        found[state.key] = name
    return found


def _root(state: ArchiveState) -> str:
    """The archive at the snapshot service; over http, since slim images have no certificates."""
    snapshot = snapshot_of(state.url)
    root = snapshot_roots(snapshot, state.date)[0] if snapshot else state.url
    return "http://" + root.removeprefix("https://") if snapshot else root


def _row(package: LockedSystemPackage, names: Mapping[str, str]) -> str:
    path = quote(package.path.removeprefix("./"), safe="/+~%")
    architecture = package.architecture
    words = [
        shlex.quote(package.name),
        shlex.quote(package.version),
        shlex.quote(architecture),
        f'"${{{names[package.archive]}}}{path}"',
        shlex.quote(f"{package.name}_{architecture}.deb"),
        package.digest.hex,
    ]
    return " ".join(words)


def _sources(used: list[ArchiveState]) -> list[str]:
    """Apt's sources inside, fixed at the same time, so that a later ``apt-get`` agrees."""
    rows = [
        f"deb [check-valid-until=no] {_root(state)} {state.suite} {' '.join(state.components)}"
        for state in used
        if not state.suite.endswith("/") and snapshot_of(state.url)
    ]
    if not rows:
        return []
    quoted = " ".join(shlex.quote(row) for row in sorted(rows))
    return [
        "RUN rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; \\",
        f"    printf '%s\\n' {quoted} > /etc/apt/sources.list.d/lockenv.list",
    ]


def _settings(selection: Selection, run: Runnable) -> list[str]:
    image = run.declared
    lines = []
    user = (image.user or "app").partition(":")[0]
    if not user.isdecimal() and user != "root":
        uid = f"--uid {run.uid} " if run.uid else ""
        lines.append(f"RUN getent passwd {user} >/dev/null || useradd {uid}--create-home {user}")
    if image.project:
        lines.append("COPY . /app")
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    env = {
        "PATH": f"{_VENV}/bin:{search}" if is_built(selection) else search,
        "LANG": "C.UTF-8",
        "LOCKENV_ENVIRONMENT_DIGEST": str(run.environment),
        **image.env,
    }
    labels = {"dev.lockenv.environment": str(run.environment), **image.labels}
    lines += [f"ENV {key}={_quoted(value)}" for key, value in env.items()]
    lines += [f"LABEL {_quoted(key)}={_quoted(value)}" for key, value in labels.items()]
    lines += [f"EXPOSE {port}" for port in image.ports]
    lines.append(f"WORKDIR {image.workdir}")
    lines.append(f"USER {image.user or 'app'}")
    if image.entrypoint:
        lines.append(f"ENTRYPOINT {json.dumps(list(image.entrypoint))}")
    if image.cmd:
        lines.append(f"CMD {json.dumps(list(image.cmd))}")
    return lines


def _quoted(text: str) -> str:
    """A value as a Dockerfile's own words have it: nothing in it is expanded."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'

"""What a root without maintainer scripts needs all the same: `scripts = "none"`.

Done here are the few things without which common programs do not start: accounts, the linker's
cache, alternatives, the bundle of certificates. Nothing of the root is run for them, so they come
out the same whatever processor the image is for. All else that scripts would have done is named in
the report, not imitated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.materialize.root_accounts import make_accounts
from lockenv.materialize.root_alternatives import link_alternatives
from lockenv.materialize.root_certificates import bundle_certificates
from lockenv.materialize.root_libraries import cache_libraries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lockenv.materialize.debian_database import DpkgPackage

#: The scripts that run when a package is installed.
_INSTALLING = ("preinst", "postinst")
#: What scripts call to have something done that is not done here, by what it does.
_CALLS = {
    "accounts": r"(?:adduser|addgroup|useradd|groupadd)",
    "byte code": r"(?:py3compile|pypy3compile)",
    "diversions": r"dpkg-divert",
    "caches": (
        r"(?:update-mime-database|update-desktop-database|glib-compile-schemas|fc-cache|"
        r"gtk-update-icon-cache|gdk-pixbuf-query-loaders|install-info|update-icon-caches|"
        r"update-initramfs|depmod|texhash|mktexlsr|update-java-alternatives)"
    ),
    "configuration": r"(?:db_get|db_input|ucf|update-inetd|pam-auth-update|locale-gen)",
    "keys": r"(?:ssh-keygen|create-munge-key|make-ssl-cert)",
    "owners and modes": r"(?:chown|chmod|dpkg-statoverride|setcap|chgrp)",
    "services": r"(?:update-rc\.d|invoke-rc\.d|deb-systemd-helper|deb-systemd-invoke|systemctl)",
    "sgml and xml catalogs": r"(?:update-xmlcatalog|update-catalog)",
}
_COMMANDS = {what: re.compile(rf"(?m)^[^#\n]*?\b{call}(?![\w.-])") for what, call in _CALLS.items()}


def configure_natively(
    root: Path, packages: Iterable[DpkgPackage], epoch: int
) -> list[tuple[str, int, int]]:
    """Make what is made here for packages that lie unpacked; files that others than root own."""
    owners = make_accounts(root, epoch)
    ordered = sorted(packages, key=lambda package: package.qualified)
    link_alternatives(root, [_script(root, package, "postinst") for package in ordered])
    bundle_certificates(root)
    cache_libraries(root)
    return owners


def skipped_scripts(root: Path, packages: Sequence[DpkgPackage]) -> list[str]:
    """A line for each package whose scripts would have run, with what they would have called."""
    lines = []
    for package in sorted(packages, key=lambda package: package.qualified):
        names = [name for name in _INSTALLING if name in package.scripts]
        text = "\n".join(_script(root, package, name) for name in names)
        calls = [what for what, call in _COMMANDS.items() if call.search(text)]
        if names:
            lines.append(f"{package.qualified}: {' '.join(names)}: {', '.join(calls)}")
    return lines


def _script(root: Path, package: DpkgPackage, name: str) -> str:
    file = root / f"var/lib/dpkg/info/{package.info}.{name}"
    if not file.is_file() or file.is_symlink():
        return ""
    return file.read_text("utf-8", "replace")

"""What a root without maintainer scripts needs all the same: `scripts = "none"`.

Done here are the few things without which common programs do not start: accounts, alternatives, the
bundle of certificates. The linker's cache is not needed, as Debian's libraries lie where the linker
looks by itself. Everything else that scripts would have done is named in the report, not imitated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lockenv.materialize.debian_database import DpkgPackage


def configure_natively(root: Path, packages: Iterable[DpkgPackage]) -> None:
    """Accounts, alternatives and certificates of these packages, which lie unpacked in the root."""
    _accounts(root)
    for package in sorted(packages, key=lambda package: package.qualified):
        script = root / f"var/lib/dpkg/info/{package.info}.postinst"
        if script.is_file() and not script.is_symlink():
            _alternatives(root, script.read_text("utf-8", "replace"))
    _certificates(root)


def _accounts(root: Path) -> None:
    """What base-passwd's preinst and postinst make: the accounts that every Debian system has."""
    for name in ("passwd", "group"):
        master = root / f"usr/share/base-passwd/{name}.master"
        target = root / f"etc/{name}"
        if master.is_file() and not target.exists():
            text = master.read_text()
            # update-passwd(8) gives accounts of the master without a password an x.
            target.write_text(text.replace(":*:", ":x:"))
            target.chmod(0o644)


_INSTALL = re.compile(
    r"update-alternatives\s(?:.*\s)?--install\s+(\S+)\s+(\S+)\s+(\S+)\s+(\d+)(.*)"
)
_SLAVE = re.compile(r"--slave\s+(\S+)\s+(\S+)\s+(\S+)")


def _alternatives(root: Path, script: str) -> None:
    """The links that `update-alternatives --install` with plain words in a script would make."""
    for line in script.replace("\\\n", " ").splitlines():
        match = _INSTALL.search(line)
        if match is None or "$" in match[0]:
            continue
        link, name, path, _, rest = match.groups()
        _link(root, link, name, path)
        for slave_link, slave_name, slave_path in _SLAVE.findall(rest):
            _link(root, slave_link, slave_name, slave_path)


def _link(root: Path, link: str, name: str, path: str) -> None:
    """Link → /etc/alternatives/name → path; the first package in order wins."""
    if not (root / path.lstrip("/")).exists():
        return
    chosen = root / "etc/alternatives" / name
    chosen.parent.mkdir(parents=True, exist_ok=True)
    place = root / link.lstrip("/")
    if not chosen.is_symlink():
        chosen.symlink_to(path)
    if not place.is_symlink() and not place.exists() and place.parent.is_dir():
        place.symlink_to(f"/etc/alternatives/{name}")


def _certificates(root: Path) -> None:
    """What update-ca-certificates(8) makes of the certificates that the package brings."""
    source = root / "usr/share/ca-certificates"
    if not source.is_dir():
        return
    target = root / "etc/ssl/certs"
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(
        path.relative_to(source).as_posix()
        for path in source.rglob("*.crt")
        if path.is_file() and not path.is_symlink()
    )
    bundle = []
    for name in names:
        text = (source / name).read_text("utf-8", "replace")
        bundle.append(text if text.endswith("\n") else f"{text}\n")
        link = target / f"{name.rpartition('/')[2].removesuffix('.crt')}.pem"
        if not link.is_symlink():
            link.symlink_to(f"/usr/share/ca-certificates/{name}")
    (target / "ca-certificates.crt").write_text("".join(bundle))
    (root / "etc/ca-certificates.conf").write_text("".join(f"{name}\n" for name in names))

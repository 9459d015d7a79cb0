"""Run the packages' own maintainer scripts in a root, with nothing of this machine in sight."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import ExternalError
from lockenv.materialize.root_shut import shut_into
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.materialize.debian_database import DpkgPackage
    from lockenv.materialize.root_port import Confinement

#: policy-rc.d(8): 101 forbids the action, so no service is started while scripts run.
_POLICY = "#!/bin/sh\nexit 101\n"
_POLICY_PATH = "usr/sbin/policy-rc.d"
#: hostname(5): mail servers ask for it and refuse an empty name. No package ships the file.
_HOST_NAME = "lockenv\n"
_HOST_NAME_PATH = "etc/hostname"
#: hosts(5): `hostname -f` fails where no file says whose name that is, and scripts fail with it.
_HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\tlockenv\n"
_HOSTS_PATH = "etc/hosts"
#: The one package that writes that file, where there is none yet.
_HOSTS_MAKER = "var/lib/dpkg/info/netbase.postinst"
#: Where packages lie while dpkg itself unpacks them; nothing of ours is left in an image's /run.
_DEBS = "run/lockenv"
_UPGRADE = ("--force-unsafe-io", "--force-depends", "--force-confold", "--auto-deconfigure")
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: dpkg names the package that failed in this line.
_FAILED = re.compile(r"dpkg: error processing (?:package|archive) (\S+)")
#: Where nothing can be mounted, /dev/null and its kin are made by mknod(2), or are plain files.
_NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configurer:
    """A root whose packages are to be configured, and how programs run in it here.

    ``epoch`` is what scripts take for the time of the build.
    """

    root: str
    epoch: int
    confinement: Confinement

    def prepare(self) -> None:
        """Forbid services, name the host, and where nothing can be mounted make nodes in /dev."""
        has_mounts = self.confinement.mode != "chroot"
        shut_into(self.root, lambda: _prepare(nodes=not has_mounts))

    def tidy(self) -> None:
        """Take away what `prepare` made; netbase is asked once more for the file that it found."""
        if shut_into(self.root, _tidy):
            variables = {"DPKG_MAINTSCRIPT_NAME": "postinst", "DPKG_MAINTSCRIPT_PACKAGE": "netbase"}
            words = [f"{name}={value}" for name, value in variables.items()]
            self._run("/usr/bin/env", *words, f"/{_HOSTS_MAKER}", "configure")

    def preinst(self, packages: Sequence[DpkgPackage]) -> None:
        """Run what packages want to have run before they are unpacked, base-passwd's first."""
        ours = [package for package in packages if "preinst" in package.scripts]
        ours.sort(key=lambda package: (package.name != "base-passwd", package.qualified))
        lines = ["set -e"]
        for package in ours:
            variables = {
                "DPKG_MAINTSCRIPT_NAME": "preinst",
                "DPKG_MAINTSCRIPT_PACKAGE": package.name,
                "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT": "1",
                "DPKG_MAINTSCRIPT_ARCH": package.fields["Architecture"],
            }
            words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
            script = shlex.quote(f"/var/lib/dpkg/info/{package.info}.preinst")
            complaint = f"dpkg: error processing package {package.qualified} (preinst)"
            lines.append(f"{' '.join(words)} {script} install || {{ echo {complaint!r}; exit 1; }}")
        if ours:
            self._run("/bin/sh", "-c", "\n".join(lines))

    def upgrade(self, debs: Sequence[str]) -> None:
        """Have the root's dpkg unpack these files over the versions that it has; all at once.

        What they depend on may come after them: everything is configured at the end.
        """
        if not debs:
            return
        self.prepare()
        folder = Path(self.root, _DEBS)
        folder.mkdir(parents=True)
        try:
            names = []
            for number, deb in enumerate(debs):
                names.append(f"/{_DEBS}/{number:04d}.deb")
                shutil.copyfile(deb, Path(self.root, names[-1].lstrip("/")))
            self._run("dpkg", *_UPGRADE, "--unpack", *names)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def configure(self, *names: str) -> None:
        """Have dpkg configure these packages, or with none all that are unpacked."""
        self._run("dpkg", "--force-unsafe-io", "--configure", *(names or ("-a",)))

    def _environment(self) -> dict[str, str]:
        """What every maintainer script sees, and nothing else."""
        return {
            "DEBCONF_NONINTERACTIVE_SEEN": "true",
            "DEBIAN_FRONTEND": "noninteractive",
            "DPKG_ADMINDIR": "/var/lib/dpkg",
            "DPKG_ROOT": "",
            # TeX's engines look at the date of the build only with this.
            "FORCE_SOURCE_DATE": "1",
            "HOME": "/root",
            "LC_ALL": "C",
            "PATH": _SEARCH_PATH,
            "PYTHONHASHSEED": "0",
            "SHELL": "/bin/sh",
            "SOURCE_DATE_EPOCH": str(self.epoch),
            "TZ": "UTC0",
        }

    def _run(self, *argv: str) -> None:
        outcome = self.confinement.run(self.root, argv, self._environment())
        if outcome.status == 0:
            return
        failed = sorted(set(_FAILED.findall(outcome.output)))
        raise ExternalError(
            "maintainer-script-failed",
            f"a maintainer script failed in the image's root: {', '.join(failed) or argv[0]}",
            why=(f"{argv[0]} ended with status {outcome.status}",),
            fix='leave the package out, or choose scripts = "none"',
            output=outcome.output[-8000:],
        )


def _prepare(*, nodes: bool) -> None:
    policy = Path("/", _POLICY_PATH)
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text(_POLICY)
    policy.chmod(0o755)
    for path, text in ((_HOST_NAME_PATH, _HOST_NAME), (_HOSTS_PATH, _HOSTS)):
        place = Path("/", path)
        if not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    if not nodes:
        return
    folder = Path("/dev")
    folder.mkdir(exist_ok=True)
    for name, (major, minor) in _NODES.items():
        try:
            os.mknod(folder / name, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
        except FileExistsError:
            continue
        except PermissionError:
            (folder / name).touch()
        (folder / name).chmod(0o666)


def _tidy() -> bool:
    """Take away what is ours; whether a package is there that would have written /etc/hosts."""
    Path("/", _POLICY_PATH).unlink(missing_ok=True)
    ours = [
        _is_ours(Path("/", path), text)
        for path, text in ((_HOST_NAME_PATH, _HOST_NAME), (_HOSTS_PATH, _HOSTS))
    ]
    return ours[-1] and Path("/", _HOSTS_MAKER).exists()


def _is_ours(place: Path, text: str) -> bool:
    if place.is_symlink() or not place.is_file() or place.read_bytes() != text.encode():
        return False
    place.unlink()
    return True

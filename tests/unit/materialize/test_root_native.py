from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lockenv.materialize.root_accounts import make_accounts
from lockenv.materialize.root_alternatives import link_alternatives
from lockenv.materialize.root_libraries import cache_libraries
from tests.support.elves import elf

pytestmark = pytest.mark.tools
EPOCH = 1_700_000_000
SEARCH_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


def _program(name: str) -> str:
    found = shutil.which(name, path=SEARCH_PATH)
    assert found is not None, f"{name} is part of every Debian"
    return found


def _file(root: Path, path: str, content: str | bytes = "") -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return place


def test_the_linkers_cache_is_read_as_ldconfigs_own(tmp_path: Path) -> None:
    _file(tmp_path, "etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
    _file(tmp_path, "etc/ld.so.conf.d/a.conf", "# ours\n/opt/parts\n/opt/none\n")
    _file(tmp_path, "opt/parts/libpart.so.2.10", elf(soname="libpart.so.2"))
    _file(tmp_path, "opt/parts/libpart.so.2.9", elf(soname="libpart.so.2"))
    _file(tmp_path, "usr/lib/libplain.so", elf())
    _file(tmp_path, "usr/lib/libscript.so", "INPUT(libplain.so)")
    _file(tmp_path, "usr/lib/libempty.so.1", "")
    _file(tmp_path, "usr/lib/glibc-hwcaps/x86-64-v3/libplain.so", elf())
    for number in (9, 10, 100):
        _file(tmp_path, f"usr/lib/libn{number}.so.1", elf(soname=f"libn{number}.so.1"))
    (tmp_path / "lib").symlink_to("usr/lib")

    cache_libraries(tmp_path)

    words = [_program("ldconfig"), "-p", "-C", str(tmp_path / "etc/ld.so.cache")]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert re.findall(r"^\t(\S+) .*?=> (\S+)$", shown, re.MULTILINE) == [
        ("libplain.so", "/lib/glibc-hwcaps/x86-64-v3/libplain.so"),
        ("libplain.so", "/lib/libplain.so"),
        ("libpart.so.2", "/opt/parts/libpart.so.2"),
        ("libn100.so.1", "/lib/libn100.so.1"),
        ("libn10.so.1", "/lib/libn10.so.1"),
        ("libn9.so.1", "/lib/libn9.so.1"),
    ]
    assert 'hwcap: "x86-64-v3"' in shown
    assert (tmp_path / "opt/parts/libpart.so.2").readlink() == Path("libpart.so.2.10")


@pytest.mark.parametrize("conf", ["include ld.so.conf\n", "/\x00\n/opt\n", "include\ninclude /*\n"])
def test_a_strange_configuration_of_the_linker_ends_well(tmp_path: Path, conf: str) -> None:
    _file(tmp_path, "etc/ld.so.conf", conf)

    cache_libraries(tmp_path)

    assert (tmp_path / "etc/ld.so.cache").read_bytes().startswith(b"glibc-ld.so.cache1.1")


def test_alternatives_are_recorded_as_the_program_itself_does(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for root in (ours, theirs):
        for name in ("usr/bin/less", "bin/more", "usr/man/less.1", "var/lib/dpkg/alternatives/.x"):
            _file(root, name)
        (root / "etc/alternatives").mkdir(parents=True)
        (root / "var/lib/dpkg/alternatives/.x").unlink()
    script = (
        "update-alternatives --quiet --install /usr/bin/pager pager /usr/bin/less 77 \\\n"
        "  --slave /usr/man/pager.1 pager.1 /usr/man/less.1\n"
        "update-alternatives --install /usr/bin/pager pager /bin/more 50 || true\n"
        'update-alternatives --install "$DIR"/x x "$DIR"/y 50\n'
        "update-alternatives --install /usr/bin/gone gone /usr/bin/absent 50\n"
    )
    place = tmp_path / "run.sh"
    options = f"--root {theirs} --log /dev/null"
    place.write_text(
        script.replace("update-alternatives", f"{_program('update-alternatives')} {options}")
    )
    subprocess.run(["sh", str(place)], capture_output=True, check=False, env={"DIR": "/none"})

    link_alternatives(ours, [script])

    record = "var/lib/dpkg/alternatives/pager"
    assert (theirs / record).read_text() == (ours / record).read_text()
    for link in ("usr/bin/pager", "etc/alternatives/pager", "usr/man/pager.1"):
        assert (theirs / link).readlink() == (ours / link).readlink()
    assert [one.name for one in (ours / record).parent.iterdir()] == ["pager"]


def test_accounts_come_from_base_passwd_and_from_sysusers(tmp_path: Path) -> None:
    _file(tmp_path, "usr/share/base-passwd/passwd.master", "root:*:0:0:root:/root:/bin/bash\n")
    _file(tmp_path, "usr/share/base-passwd/group.master", "root:*:0:\nmail:*:8:\n")
    _file(tmp_path, "usr/sbin/shadowconfig")
    _file(tmp_path, "etc/sysusers.d/masked.conf", "# nothing\n")
    _file(tmp_path, "usr/lib/sysusers.d/masked.conf", "u hidden -\n")
    _file(
        tmp_path,
        "usr/lib/sysusers.d/some.conf",
        '# comment\nm bus mail\nu bus - "The Bus" /run/bus -\nu! fixed 44:mail "" - /bin/sh\n'
        'g wide 8\nu bad:name 1\nu "open\nu %m 5\nx y z\n\n',
    )

    owners = make_accounts(tmp_path, EPOCH)

    assert owners == [("etc/shadow", 0, 42), ("etc/gshadow", 0, 42)]
    assert (tmp_path / "etc/passwd").read_text() == (
        "root:x:0:0:root:/root:/bin/bash\n"
        "bus:x:998:998:The Bus:/run/bus:/usr/sbin/nologin\n"
        "fixed:x:44:8::/:/bin/sh\n"
    )
    assert (
        tmp_path / "etc/group"
    ).read_text() == "root:x:0:\nmail:x:8:bus\nwide:x:999:\nbus:x:998:\n"
    day = EPOCH // 86400
    assert (tmp_path / "etc/shadow").read_text() == (
        f"root:*:{day}:0:99999:7:::\nbus:!*:{day}::::::\nfixed:!*:{day}::::::\n"
    )
    assert (tmp_path / "etc/gshadow").read_text() == "root:*::\nmail:*::bus\nwide:!*::\nbus:!*::\n"
    assert oct((tmp_path / "etc/shadow").stat().st_mode)[-3:] == "640"

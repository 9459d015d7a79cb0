from __future__ import annotations

import hashlib
import os
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import ExternalError, HostError, IntegrityError
from lockenv.materialize import (
    BuildPlaces,
    ImagePlan,
    ImageSettings,
    ImageStore,
    check_digests,
    check_image,
    materialize_root,
    open_image,
    remove_tree,
    remove_unused_roots,
    top_digest,
    using_root,
    write_archive,
    write_layout,
)
from lockenv.materialize import build_image as build
from lockenv.materialize.root_build import _read_answer
from lockenv.sandbox import Confinement, abilities
from lockenv.sandbox.run import Outcome
from tests.support.debs import (
    EPOCH,
    LONG_NAME,
    can_make_host_base,
    deb,
    feature_debs,
    file,
    folder,
    hard_link,
    host_base,
    link,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lockenv.materialize import BuiltImage
    from tests.support.debs import TinyDeb

MODES = [ability.mode for ability in abilities() if ability.works]
pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(not MODES, reason="needs root or user namespaces"),
    pytest.mark.skipif(not can_make_host_base(), reason="needs dpkg on this machine"),
]


def _places(folder: Path, mode: str | None = None) -> BuildPlaces:
    confinement = Confinement(mode or MODES[0])
    return BuildPlaces(cache=folder / "cache", data=folder / "data", confinement=confinement)


def _plan(folder: Path, *debs: TinyDeb, scripts: str = "run", user: str = "app") -> ImagePlan:
    return ImagePlan(
        architecture="amd64",
        epoch=EPOCH,
        debs=tuple(one.plan(folder / "debs") for one in debs),
        scripts=scripts,
        settings=ImageSettings(user=user),
    )


def _flat(image: BuiltImage) -> dict[str, tarfile.TarInfo]:
    """What the layers make together, as Python's own reader sees it."""
    found: dict[str, tarfile.TarInfo] = {}
    for layer in image.layers:
        with tarfile.open(layer.path) as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if name.startswith(".wh."):
                    found.pop(f"{folder}/{name[4:]}".lstrip("/"), None)
                else:
                    found[member.name] = member
    return found


@pytest.fixture(scope="module")
def base() -> TinyDeb:
    return host_base()


def test_every_feature_of_a_package_reaches_the_image(tmp_path: Path, base: TinyDeb) -> None:
    image = build(_plan(tmp_path, base, *feature_debs()), _places(tmp_path))
    found = _flat(image)

    assert found["usr/bin/editor"].linkname == "/etc/alternatives/editor"
    assert found["etc/alternatives/editor"].linkname == "/usr/bin/vi.tiny"
    assert "etc/demo.conf" in found
    assert "etc/demo.conf.dpkg-new" not in found
    assert found["usr/bin/su"].mode == 0o4755
    assert (found["usr/bin/mail"].gid, found["usr/bin/mail"].mode) == (8, 0o2755)
    assert (found["var/lib/user"].uid, found["var/lib/user/key"].gid) == (123, 124)
    assert found["usr/bin/two"].islnk()
    assert found["usr/bin/two"].linkname == "usr/bin/one"
    assert {LONG_NAME, "usr/share/naïve", "usr/share/zstd", "usr/bin/true"} <= set(found)
    assert found["bin"].linkname == "usr/bin"
    assert found["home/app"].uid == 1000
    assert "usr/sbin/policy-rc.d" not in found


def test_no_layer_names_a_path_twice(tmp_path: Path, base: TinyDeb) -> None:
    linked = deb("linked", members=[link("usr/share/demo.d", "elsewhere")])

    image = build(_plan(tmp_path, base, *feature_debs(), linked), _places(tmp_path))

    for layer in image.layers:
        paths = [entry.path for entry in layer.entries]
        assert len(paths) == len(set(paths))
    assert _flat(image)["usr/share/demo.d"].isdir()


def test_packages_are_configured_and_triggers_ran(tmp_path: Path, base: TinyDeb) -> None:
    image = build(_plan(tmp_path, base, *feature_debs()), _places(tmp_path))
    configured = image.layers[1:][-1]

    with tarfile.open(configured.path) as archive:
        status = archive.extractfile("var/lib/dpkg/status")
        listing = archive.extractfile("var/lib/trigger/list")
        assert status is not None
        assert listing is not None
        assert status.read().count(b"Status: install ok installed") == 11
        assert listing.read() == b"one\n"


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_one_digest(tmp_path: Path, base: TinyDeb, mode: str) -> None:
    plan = _plan(tmp_path, base, *feature_debs())
    first = build(plan, _places(tmp_path / "first", MODES[0]))

    umask = os.umask(0o077)
    try:
        other = build(plan, _places(tmp_path / "other", mode))
    finally:
        os.umask(umask)

    assert check_digests(first, other) == []
    assert top_digest([other]) == top_digest([first])


def test_a_second_build_takes_every_layer_from_the_store(tmp_path: Path, base: TinyDeb) -> None:
    plan = _plan(tmp_path, base, *feature_debs())
    first = build(plan, _places(tmp_path))
    times = {layer.path: layer.path.stat().st_mtime_ns for layer in first.layers}

    second = build(plan, _places(tmp_path))

    assert {layer.path: layer.path.stat().st_mtime_ns for layer in second.layers} == times
    assert second.manifest == first.manifest


def test_another_compressor_decodes_no_package_and_runs_no_script(
    tmp_path: Path, base: TinyDeb
) -> None:
    plan = _plan(tmp_path, base, *feature_debs())
    zstd = replace(plan, settings=replace(plan.settings, compression="zstd"))
    plain = replace(plan, settings=replace(plan.settings, compression="none"))
    anew = build(zstd, _places(tmp_path / "other"))
    first = build(plan, _places(tmp_path))
    remove_tree(tmp_path / "cache/image/roots" / first.root, Confinement(MODES[0]))
    for one in plan.debs:
        one.path.write_bytes(b"a package that nobody may open again")

    packed, unpacked = build(zstd, _places(tmp_path)), build(plain, _places(tmp_path))

    assert packed.manifest == anew.manifest
    assert [one.diff_id for one in unpacked.layers] == [one.diff_id for one in first.layers]
    assert packed.config == unpacked.config == first.config
    assert not (tmp_path / "cache/image/roots" / first.root).exists()


def test_without_scripts_the_report_names_what_was_left_out(tmp_path: Path, base: TinyDeb) -> None:
    image = build(_plan(tmp_path, base, *feature_debs(), scripts="none"), _places(tmp_path))
    found = _flat(image)

    assert "user:amd64: postinst: owners and modes" in image.skipped
    assert found["etc/alternatives/editor"].linkname == "/usr/bin/vi.tiny"
    assert "var/lib/user/key" not in found


def test_a_failing_script_shows_its_output_and_leaves_nothing(
    tmp_path: Path, base: TinyDeb
) -> None:
    broken = deb("broken", scripts={"postinst": "#!/bin/sh\necho it hurts\nexit 3\n"})

    with pytest.raises(ExternalError, match="broken") as caught:
        build(_plan(tmp_path, base, broken), _places(tmp_path))

    assert "it hurts" in caught.value.output
    assert list((tmp_path / "cache/image/roots").iterdir()) == []
    assert list((tmp_path / "cache/image/work").iterdir()) == []


def test_a_preinst_finds_what_it_pre_depends_on_configured(tmp_path: Path, base: TinyDeb) -> None:
    tool = deb(
        "tool",
        members=[file("etc/tool.conf", b"ready\n")],
        control={"conffiles": "/etc/tool.conf\n"},
    )
    early = deb("early", fields={"Depends": "tool"}, scripts={"postinst": "#!/bin/sh\n:\n"})
    # Named so that it would be unpacked before the others.
    asks = deb(
        "asks",
        fields={"Pre-Depends": "early"},
        scripts={"preinst": '#!/bin/sh\n[ "$(cat /etc/tool.conf)" = ready ]\n'},
    )

    found = _flat(build(_plan(tmp_path, base, asks, early, tool), _places(tmp_path)))

    assert "etc/tool.conf" in found


def test_times_that_scripts_write_down_are_the_epochs(tmp_path: Path, base: TinyDeb) -> None:
    script = """#!/bin/sh
        set -e
        date > /etc/now
        date +%s > /etc/count
        cat /proc/sys/kernel/hostname /etc/hostname > /etc/name
    """
    clock = deb("clock", scripts={"postinst": script})
    image = build(_plan(tmp_path, base, clock), _places(tmp_path))
    configured = next(layer for layer in image.layers if layer.name == "configured")

    with tarfile.open(configured.path) as archive:
        texts = {
            name: archive.extractfile(f"etc/{name}").read()  # type: ignore[union-attr]  # a file
            for name in ("now", "count", "name")
        }
        assert "etc/hostname" not in archive.getnames()

    moment = time.gmtime(EPOCH)
    assert texts["count"] == f"{EPOCH}\n".encode()
    assert texts["now"] == time.strftime("%a %b %e %H:%M:%S UTC %Y\n", moment).encode()
    assert texts["name"] == b"lockenv\nlockenv\n"


def test_scripts_find_their_host_by_its_name(tmp_path: Path, base: TinyDeb) -> None:
    asks = deb("asks", scripts={"postinst": "#!/bin/sh\ncat /etc/hosts > /etc/seen\n"})
    netbase = deb(
        "netbase",
        scripts={"postinst": "#!/bin/sh\n[ -e /etc/hosts ] || echo made > /etc/hosts\n"},
    )

    without = build(_plan(tmp_path, base, asks), _places(tmp_path))
    image = build(_plan(tmp_path, base, asks, netbase), _places(tmp_path))

    assert "etc/hosts" not in _flat(without)
    assert {"etc/hosts", "etc/seen"} <= set(_flat(image))
    with tarfile.open(image.layers[-1].path) as archive:
        texts = {
            name: archive.extractfile(f"etc/{name}").read()  # type: ignore[union-attr]  # a file
            for name in ("hosts", "seen")
        }
    assert texts == {"hosts": b"made\n", "seen": b"127.0.0.1\tlocalhost\n127.0.1.1\tlockenv\n"}


def test_a_servers_first_database_is_left_out(tmp_path: Path, base: TinyDeb) -> None:
    script = "#!/bin/sh\nset -e\nchown 8:8 /var/lib/postgresql\nmkdir /var/lib/postgresql/15\n"
    server = deb("server", members=[folder("var/lib/postgresql")], scripts={"postinst": script})

    image = build(_plan(tmp_path, base, server), _places(tmp_path))
    found = _flat(image)

    assert found["var/lib/postgresql"].uid == 0
    assert "var/lib/postgresql/15" not in found
    assert "var/lib/postgresql/15" in dict(image.dropped)


def test_two_builds_of_one_root_wait_for_each_other(tmp_path: Path, base: TinyDeb) -> None:
    slow = deb("slow", scripts={"postinst": "#!/bin/sh\nsleep 1\necho once >> /etc/slow\n"})
    plan, places = _plan(tmp_path, base, slow), _places(tmp_path)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda one: build(one, places), (plan, plan))

    assert first.manifest == second.manifest
    assert _flat(first)["etc/slow"].size == len("once\n")


def test_a_root_that_is_used_is_not_taken_away(tmp_path: Path, base: TinyDeb) -> None:
    places = _places(tmp_path)
    roots = tmp_path / "cache" / "image" / "roots"
    build(_plan(tmp_path, base), places)
    root = next(path for path in roots.iterdir() if path.is_dir())
    (roots / "half-made").mkdir()

    def remove(folder: Path) -> None:
        remove_tree(folder, places.confinement)

    with using_root(root):
        kept = remove_unused_roots(roots, remove)
        assert root.is_dir()

    assert kept == (root.name,)
    assert not (roots / "half-made").exists()
    assert remove_unused_roots(roots, remove) == ()
    assert list(roots.iterdir()) == []


def test_secrets_that_scripts_make_are_left_out_and_named(tmp_path: Path, base: TinyDeb) -> None:
    keys = deb(
        "keys",
        scripts={
            "postinst": "#!/bin/sh\nset -e\nmkdir -p /etc/ssh\n"
            "cat /proc/sys/kernel/random/uuid > /etc/ssh/ssh_host_rsa_key\n"
            "(echo -----BEGIN PRIVATE KEY-----; cat /etc/ssh/ssh_host_rsa_key) > /etc/any.key\n"
            "ln -s any.key /etc/link.key\n"
            "echo x > /var/log.txt; mkdir -p /var/log; echo now > /var/log/made.log\n"
        },
    )

    image = build(_plan(tmp_path, base, keys), _places(tmp_path))

    assert ("etc/ssh/ssh_host_rsa_key", "a host key is a secret") in image.dropped
    assert "etc/any.key" in dict(image.dropped)
    gone = {"etc/ssh/ssh_host_rsa_key", "var/log/made.log", "etc/any.key", "etc/link.key"}
    assert not gone & set(_flat(image))


def test_a_layer_that_is_gone_is_named(tmp_path: Path) -> None:
    places = _places(tmp_path)

    with pytest.raises(HostError) as caught:
        materialize_root([tmp_path / "gone"], "test", places.confinement, ImageStore(places.cache))

    assert caught.value.why == (f"No such file or directory: {tmp_path}/gone",)
    assert not any((places.cache / "image" / "roots").iterdir())


def test_a_member_that_leaves_the_root_is_refused(tmp_path: Path, base: TinyDeb) -> None:
    hostile = deb("hostile", members=[file("../../etc/passwd", b"x")])

    with pytest.raises(IntegrityError, match="leaves the root"):
        build(_plan(tmp_path, base, hostile), _places(tmp_path))


def test_a_member_behind_a_link_lands_in_the_root(tmp_path: Path, base: TinyDeb) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    first = deb("first", members=[link("usr/share/way", str(outside))])
    second = deb("second", members=[file("usr/share/way/file", b"x")])

    image = build(_plan(tmp_path, base, first, second), _places(tmp_path))

    assert list(outside.iterdir()) == []
    assert _flat(image)["usr/share/way"].isdir()


def test_two_packages_with_one_file_are_refused(tmp_path: Path, base: TinyDeb) -> None:
    one = deb("aaa", members=[file("usr/bin/same", b"1")])
    two = deb("bbb", members=[file("usr/bin/same", b"2")])

    with pytest.raises(IntegrityError, match="usr/bin/same"):
        build(_plan(tmp_path, base, one, two), _places(tmp_path))


def test_a_package_that_replaces_another_has_its_file(tmp_path: Path, base: TinyDeb) -> None:
    one = deb("bbb", members=[file("usr/bin/same", b"1")])
    two = deb("aaa", members=[file("usr/bin/same", b"22")], fields={"Replaces": "bbb"})

    image = build(_plan(tmp_path, base, one, two), _places(tmp_path))

    assert _flat(image)["usr/bin/same"].size == 2


_DIVERTING = (
    "#!/bin/sh\nset -e\n"
    "dpkg-divert --add --rename --divert /usr/bin/tool.first /usr/bin/tool >/dev/null\n"
    "dpkg-divert --add --rename --divert /etc/tool.first /etc/tool >/dev/null\n"
)


def test_a_diverted_file_lies_where_it_was_diverted_to(tmp_path: Path, base: TinyDeb) -> None:
    both = [file("usr/bin/tool", b"1", mode=0o755), file("etc/tool", b"one")]
    other = [file("usr/bin/tool", b"22", mode=0o755), file("etc/tool", b"three")]
    first = deb("first", members=both, control={"conffiles": "/etc/tool\n"})
    second = deb("second", members=other, scripts={"preinst": _DIVERTING})

    image = build(_plan(tmp_path, base, first, second), _places(tmp_path))

    found = _flat(image)
    assert {name: found[name].size for name in found if "tool" in name} == {
        "usr/bin/tool": 2,
        "usr/bin/tool.first": 1,
        "etc/tool": 5,
        "etc/tool.first": 3,
    }


def test_a_file_is_diverted_by_a_package_that_was_configured_before(
    tmp_path: Path, base: TinyDeb
) -> None:
    early = deb("early", scripts={"postinst": _DIVERTING}, fields={"Essential": "yes"})
    late = deb(
        "late", members=[file("usr/bin/tool", b"1"), hard_link("usr/bin/same", "usr/bin/tool")]
    )

    image = build(_plan(tmp_path, base, early, late), _places(tmp_path))

    assert {"usr/bin/tool.first", "usr/bin/same"} <= set(_flat(image))
    assert "usr/bin/tool" not in _flat(image)


def test_a_mode_that_dpkg_was_told_before_unpacking_holds(tmp_path: Path, base: TinyDeb) -> None:
    script = "#!/bin/sh\nset -e\ndpkg-statoverride --force-all --add root '#7' 4750 /usr/bin/tool\n"
    tool = deb("tool", members=[file("usr/bin/tool", b"1")], scripts={"preinst": script})

    for mode in MODES:
        image = build(_plan(tmp_path, base, tool), _places(tmp_path / mode, mode))

        member = _flat(image)["usr/bin/tool"]
        assert (member.uid, member.gid, member.mode) == (0, 7, 0o4750)


def test_a_link_in_the_roots_own_place_does_not_lead_out(tmp_path: Path, base: TinyDeb) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    script = f"#!/bin/sh\nset -e\nmv /etc /was\nln -s {outside} /etc\nln -s {outside} /opt\n"
    hostile = deb("hostile", scripts={"postinst": script})

    with pytest.raises(IntegrityError, match="stands in the way"):
        build(_plan(tmp_path, base, hostile), _places(tmp_path))

    assert list(outside.iterdir()) == []


def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path, base: TinyDeb) -> None:
    plan = _plan(tmp_path, base)
    plan = replace(plan, debs=(replace(plan.debs[0], version="2.0"),))

    with pytest.raises(IntegrityError, match="not the package that was locked"):
        build(plan, _places(tmp_path))


def test_what_was_written_is_the_image(tmp_path: Path, base: TinyDeb) -> None:
    image = build(_plan(tmp_path, base, *feature_debs()), _places(tmp_path))
    write_layout([image], "demo:1", tmp_path / "layout")
    write_archive([image], "demo:1", tmp_path / "image.tar")
    write_archive([image], "demo:1", tmp_path / "again.tar")

    for place in ("layout", "image.tar"):
        found = open_image(tmp_path / place, "amd64")
        assert check_image(image, found) == []
        assert found.manifest_digest == top_digest([image])
    first, again = (tmp_path / name for name in ("image.tar", "again.tar"))
    assert (
        hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(again.read_bytes()).digest()
    )


def test_the_first_file_that_differs_is_named(tmp_path: Path, base: TinyDeb) -> None:
    image = build(_plan(tmp_path, base, deb("one", members=[file("a", b"1")])), _places(tmp_path))
    other = build(_plan(tmp_path, base, deb("one", members=[file("a", b"2")])), _places(tmp_path))
    write_layout([other], "demo", tmp_path / "other")

    findings = check_image(image, open_image(tmp_path / "other", "amd64"))

    assert [one.code for one in findings][:2] == ["LE503", "LE504"]
    assert findings[1].file == "a"


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_compression_does_not_change_what_is_inside(
    tmp_path: Path, base: TinyDeb, compression: str
) -> None:
    plan = _plan(tmp_path, base, *feature_debs())
    packed = replace(plan, settings=replace(plan.settings, compression=compression))

    first, other = build(plan, _places(tmp_path)), build(packed, _places(tmp_path))

    assert first.config == other.config
    assert first.manifest != other.manifest


def test_a_builder_that_could_not_even_answer_is_no_riddle(tmp_path: Path) -> None:
    reply = tmp_path / "answer.json"
    reply.write_bytes(b"")

    with pytest.raises(HostError) as caught:
        _read_answer(reply, Outcome(status=1, output="no space"))

    assert (caught.value.slug, caught.value.output) == ("root-builder-died", "no space")

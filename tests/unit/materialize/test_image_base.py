from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from lockenv.formats.oci import parse_config, parse_manifest
from lockenv.materialize import (
    Base,
    BaseLayer,
    BuildPlaces,
    ImagePlan,
    ImageSettings,
    base_config,
    build_image,
    read_base,
)
from lockenv.model import parse_digest
from lockenv.sandbox import Confinement, abilities
from lockenv.values import replace
from tests.support.debs import EPOCH, can_make_host_base, deb, file, host_base

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


def _places(folder: Path, mode: str = MODES[0] if MODES else "") -> BuildPlaces:
    return BuildPlaces(cache=folder / "cache", data=folder, confinement=Confinement(mode))


def _plan(folder: Path, *debs: TinyDeb, **settings: object) -> ImagePlan:
    return ImagePlan(
        architecture="amd64",
        epoch=EPOCH,
        debs=tuple(one.plan(folder / "debs") for one in debs),
        settings=ImageSettings(**settings),  # type: ignore[arg-type]  # named as its fields are
    )


def _as_base(image: BuiltImage) -> Base:
    return Base(
        reference="example.com/base:1",
        digest="sha256:" + "0" * 64,
        config=image.config,
        layers=tuple(
            BaseLayer(
                media_type=layer.media_type,
                digest=parse_digest(layer.digest),
                size=layer.size,
                diff_id=parse_digest(layer.diff_id),
                path=layer.path,
            )
            for layer in image.layers
        ),
    )


def _tool(version: str) -> TinyDeb:
    return deb(
        "tool",
        version=version,
        members=[file("usr/bin/tool", version.encode(), mode=0o755)],
        scripts={"postinst": f"#!/bin/sh\necho {version} > /etc/tool-version\n"},
    )


def _text(image: BuiltImage, path: str) -> bytes | None:
    text = None
    for layer in image.layers:
        with tarfile.open(layer.path) as archive:
            if path in archive.getnames():
                file_ = archive.extractfile(path)
                text = file_.read() if file_ else None
    return text


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    plan = _plan(
        folder,
        host_base(),
        _tool("1.0"),
        user="root",
        env={"PATH": "/opt/base/bin:/usr/bin", "LANG": "de"},
        labels={"a": "base", "b": "base"},
        entrypoint=("/usr/bin/tool",),
        cmd=("serve",),
        ports=("80/tcp",),
    )
    return _as_base(build_image(plan, _places(folder)))


def test_what_a_base_has_is_read_from_its_layers(base: Base) -> None:
    layers = [(layer.path, str(layer.diff_id)) for layer in base.layers]

    facts = read_base(layers, "base")

    assert "Package: tool" in facts.status
    assert facts.dpkg
    assert "libc.so.6" in facts.libraries


@pytest.mark.parametrize("mode", MODES)
def test_only_what_is_missing_is_added(tmp_path: Path, base: Base, mode: str) -> None:
    more = deb("more", members=[file("usr/share/more", b"more")])
    plan = replace(_plan(tmp_path, _tool("1.0"), more), base=base)

    image = build_image(plan, _places(tmp_path, mode))

    assert [layer.digest for layer in image.layers[: len(base.layers)]] == [
        str(layer.digest) for layer in base.layers
    ]
    added = [layer.name for layer in image.layers[len(base.layers) :]]
    assert added == ["system", "configured"]
    assert _text(image, "usr/share/more") == b"more"
    paths = {entry.path for layer in image.layers[len(base.layers) :] for entry in layer.entries}
    assert "usr/bin/tool" not in paths


def test_dpkg_replaces_what_the_base_has_in_another_version(tmp_path: Path, base: Base) -> None:
    needs = deb("needs", fields={"Depends": "tool (>= 2)"})
    plan = replace(_plan(tmp_path, _tool("2.0"), needs), base=base)
    images = [build_image(plan, _places(tmp_path / name)) for name in ("one", "two")]

    status = _text(images[0], "var/lib/dpkg/status") or b""

    assert images[0].manifest == images[1].manifest
    assert _text(images[0], "usr/bin/tool") == b"2.0"
    assert _text(images[0], "etc/tool-version") == b"2.0\n"
    assert status.count(b"Status: install ok installed") == 3
    assert b"Package: tool\nStatus: install ok installed" in status
    assert b"Version: 1.0" not in status.partition(b"Package: tool")[2].partition(b"\n\n")[0]


def test_the_base_images_config_is_inherited_as_from_does(tmp_path: Path, base: Base) -> None:
    plan = replace(_plan(tmp_path, labels={"b": "ours"}, ports=("8080/tcp",)), base=base)

    image = build_image(plan, _places(tmp_path))
    own = build_image(
        replace(plan, settings=replace(plan.settings, entrypoint=("run",))), _places(tmp_path)
    )

    config = parse_config(image.config, "image")
    assert config.labels == {"a": "base", "b": "ours"}
    assert config.env == ("LANG=de", "PATH=/opt/base/bin:/usr/bin")
    assert (config.entrypoint, config.cmd) == (("/usr/bin/tool",), ("serve",))
    assert config.ports == ("80/tcp", "8080/tcp")
    own_config = parse_config(own.config, "image")
    assert (own_config.entrypoint, own_config.cmd) == (("run",), ())
    assert config.diff_ids[: len(base.layers)] == base_config(base).diff_ids
    assert len(parse_manifest(image.manifest, "image").layers) == len(config.diff_ids)

"""A real minimal Debian with Python and a wheel: one digest in every mode, and it runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockenv.formats.deb import read_package
from lockenv.materialize import (
    BuildPlaces,
    Deb,
    ImagePlan,
    ImagePython,
    ImageStore,
    ImageWheel,
    WantedPackage,
    build_image,
    check_digests,
    materialize_root,
    top_digest,
    write_layout,
)
from lockenv.model import sha256
from lockenv.sandbox import Confinement, RootCommand, abilities, root_program, run
from lockenv.tables.addresses import DEBIAN
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from lockenv.materialize import BuiltImage

MODES = [ability.mode for ability in abilities() if ability.works]
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: 2027-01-01: younger than every package of the suite as it is now.
EPOCH = 1798761600
pytestmark = [
    pytest.mark.network,
    pytest.mark.tools,
    pytest.mark.slow,
    pytest.mark.skipif(not MODES, reason="needs root or user namespaces"),
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get"),
    pytest.mark.skipif(not KEYS.exists(), reason="needs Debian's archive keys"),
]


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deb, ...]:
    """What apt would install into nothing: the essential packages, Python and certificates."""
    folder = tmp_path_factory.mktemp("apt")
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={KEYS}] {DEBIAN} bookworm main\n")
    apt = [
        "apt-get",
        *("-o", f"Dir::State={folder}"),
        *("-o", f"Dir::State::status={folder}/status"),
        *("-o", f"Dir::Cache={folder}/cache"),
        *("-o", f"Dir::Etc::sourcelist={sources}"),
        *("-o", f"Dir::Etc::sourceparts={folder}/none"),
        *("-o", "APT::Install-Recommends=false"),
        *("-o", "APT::Architecture=amd64"),
        *("-o", "Debug::NoLocking=true"),
    ]
    subprocess.run([*apt, "-q", "update"], check=True, capture_output=True)
    names = ["?essential", "apt", "python3", "ca-certificates", "openssl"]
    subprocess.run(
        [*apt, "-q", "-y", "--download-only", "install", *names], check=True, capture_output=True
    )
    return tuple(_deb(path) for path in sorted((folder / "cache/archives").glob("*.deb")))


def _deb(path: Path) -> Deb:
    import hashlib  # noqa: PLC0415 - one use

    with path.open("rb") as file:
        fields = read_package(file, path.name).fields
    return Deb(
        name=fields["Package"],
        version=fields["Version"],
        architecture=fields["Architecture"],
        path=path,
        digest=sha256(hashlib.sha256(path.read_bytes()).hexdigest()),
        source=fields.get("Source", fields["Package"]).partition(" ")[0],
    )


def _plan(folder: Path, debs: tuple[Deb, ...]) -> ImagePlan:
    built = wheel(
        "demo", "1.0", files={"demo.py": "answer = 42\n", "demo_broken.py": "print 'no'\n"}
    )
    package = WantedPackage(
        name="demo", version="1.0", filename=built.filename, digest=sha256(built.sha256)
    )
    return ImagePlan(
        architecture="amd64",
        epoch=EPOCH,
        debs=debs,
        python=ImagePython(version="3.11.2"),
        wheels=(ImageWheel(package=package, path=built.write(folder)),),
        projection='lock-version = "1.0"\n',
    )


def _built(folder: Path, debs: tuple[Deb, ...], mode: str) -> tuple[BuiltImage, BuildPlaces]:
    places = BuildPlaces(
        cache=folder / "cache", data=folder / "data", confinement=Confinement(mode)
    )
    return build_image(_plan(folder, debs), places), places


def test_every_mode_gives_one_digest_and_the_image_runs(
    tmp_path: Path, debs: tuple[Deb, ...]
) -> None:
    images = [_built(tmp_path / mode, debs, mode) for mode in MODES]
    first, places = images[0]

    assert [check_digests(first, other) for other, _ in images] == [[]] * len(images)
    assert {top_digest([image]) for image, _ in images} == {top_digest([first])}
    layers = [layer.path for layer in first.layers]
    root = materialize_root(layers, "test", places.confinement, ImageStore(places.cache))
    for code in ("import demo; assert demo.__cached__ and demo.answer == 42", "import ssl"):
        command = RootCommand(
            root=str(root),
            mode=MODES[0],
            scratch=str(tmp_path / "scratch"),
            argv=("/opt/lockenv/venv/bin/python", "-c", code),
            env={},
            cwd="/",
        )
        outcome = run(root_program(command))
        assert outcome.status == 0, outcome.output
    audit = RootCommand(
        root=str(root),
        mode=MODES[0],
        scratch=str(tmp_path / "scratch"),
        argv=("/bin/sh", "-c", "dpkg --audit && dpkg --verify"),
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        cwd="/",
    )
    assert run(root_program(audit)).output == ""


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs the package skopeo")
@pytest.mark.skipif(shutil.which("umoci") is None, reason="needs the package umoci")
def test_other_tools_read_the_layout(tmp_path: Path, debs: tuple[Deb, ...]) -> None:
    image, _ = _built(tmp_path, debs, MODES[0])
    write_layout([image], "demo:1", tmp_path / "layout")

    digest = subprocess.run(
        ["skopeo", "inspect", f"oci:{tmp_path}/layout:1", "--format", "{{.Digest}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    subprocess.run(
        ["umoci", "unpack", "--rootless", "--image", f"{tmp_path}/layout:1", tmp_path / "bundle"],
        capture_output=True,
        check=True,
    )

    assert digest == top_digest([image])
    projection = tmp_path / "bundle/rootfs/usr/share/lockenv/lockenv.lock"
    assert projection.read_text() == 'lock-version = "1.0"\n'

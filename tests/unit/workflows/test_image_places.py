"""Where images go and what holds them: registries that fail, referrers, records, other machines."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import DriftError, HostError, IntegrityError, NetworkError
from lockenv.formats.oci import (
    CONFIG_TYPE,
    ImageConfig,
    Manifest,
    describe,
    layer_type,
    render_config,
    render_manifest,
)
from lockenv.host import machine_here
from lockenv.materialize import (
    NORMALISATION,
    Attached,
    BuiltImage,
    BuiltLayer,
    Gate,
    manifest_descriptor,
    open_image,
    render_gate,
    top_digest,
    write_layout,
)
from lockenv.materialize.image_compile import compile_here
from lockenv.model import Lock, LockedInterpreter, LockedTarget, RecordedImage, parse_digest
from lockenv.settings import Settings
from lockenv.values import replace
from lockenv.workflows.imaging.deliver import find_engine
from lockenv.workflows.imaging.foreign import compiler_for, refuse_foreign
from lockenv.workflows.imaging.push import push_images
from lockenv.workflows.imaging.record import hold
from lockenv.workflows.network import open_network
from lockenv.workflows.scene import Scene
from tests.support.fake_driver import FakeDriver, build_libcuda
from tests.support.registry import memory_registry

if TYPE_CHECKING:
    from pathlib import Path

SBOM = Attached(name="sbom.json", media_type="application/vnd.cyclonedx+json", content=b'{"a": 1}')


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _image(folder: Path, text: bytes = b"layer", architecture: str = "amd64") -> BuiltImage:
    path = folder / f"layer-{hashlib.sha256(text).hexdigest()[:8]}"
    path.write_bytes(text)
    config = render_config(
        ImageConfig(
            architecture=architecture,
            created="2026-01-01T00:00:00Z",
            diff_ids=(_digest(text),),
            history=("project",),
        )
    )
    layer = describe(layer_type("none"), text)
    manifest = Manifest(config=describe(CONFIG_TYPE, config), layers=(layer,))
    return BuiltImage(
        architecture=architecture,
        config=config,
        manifest=render_manifest(manifest),
        layers=(
            BuiltLayer(
                name="project",
                media_type=layer.media_type,
                digest=layer.digest,
                size=layer.size,
                diff_id=layer.digest,
                path=path,
            ),
        ),
        compressor="none",
    )


def _scene(folder: Path) -> Scene:
    settings = Settings(cache_dir=folder / "cache", data_dir=folder / "data")
    return Scene(settings=settings, directory=folder)


def test_several_images_are_one_index_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    images = [_image(tmp_path), _image(tmp_path, architecture="arm64")]
    with memory_registry() as registry:
        reference = f"{registry.address}/team/app:1"
        push_images(_scene(tmp_path), images, reference)
        sent = [line for line in registry.requests if line.startswith("PATCH")]
        again = push_images(_scene(tmp_path), images, reference)
        other = push_images(_scene(tmp_path), images, f"{registry.address}/team/other:1")

    index = json.loads(registry.manifests["team/app", "1"][1])
    assert [one["platform"]["architecture"] for one in index["manifests"]] == ["amd64", "arm64"]
    assert len(sent) == 3  # one layer, two configs
    assert "(0 blobs sent)" in again[0]
    assert "(0 blobs sent)" in other[0]  # mounted from where they were pushed before
    assert any("mount=" in line for line in registry.requests)


def test_a_layout_takes_the_place_of_a_layout_and_of_nothing_else(tmp_path: Path) -> None:
    place, other = tmp_path / "out", tmp_path / "other"
    write_layout([_image(tmp_path, b"one")], "app", place)
    (place / ".out.1.part").mkdir()  # a run that was killed
    folder = place.stat().st_ino
    write_layout([_image(tmp_path, b"two")], "app", place)
    write_layout([_image(tmp_path, b"two")], "app", other)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").touch()

    with pytest.raises(FileExistsError):
        write_layout([_image(tmp_path)], "app", tmp_path / "src")

    assert _files(place) == _files(other)
    assert place.stat().st_ino == folder  # it may be a mount
    assert _files(tmp_path / "src") == {"app.py": b""}


def test_a_link_to_a_layout_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    write_layout([_image(tmp_path)], "app", tmp_path / "link")

    assert (tmp_path / "link").is_symlink()
    assert "index.json" in _files(tmp_path / "real")


def _files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("keeps", [True, False])
def test_bills_of_materials_are_found_from_the_image(tmp_path: Path, *, keeps: bool) -> None:
    image = _image(tmp_path)
    digest = manifest_descriptor(image).digest
    with memory_registry(keeps_referrers=keeps) as registry:
        for _ in range(2):
            push_images(_scene(tmp_path), [image], f"{registry.address}/team/app:1", [[SBOM]])

    tag = digest.replace(":", "-")
    assert (("team/app", tag) in registry.manifests) is not keeps
    referrers = [
        json.loads(body)
        for _, body in {body: pair for pair in registry.manifests.items() for body in [pair[1]]}
        if b"subject" in body
    ]
    assert [one["subject"]["digest"] for one in referrers] == [digest]
    assert referrers[0]["artifactType"] == SBOM.media_type
    if not keeps:
        listed = json.loads(registry.manifests["team/app", tag][1])["manifests"]
        assert [one["artifactType"] for one in listed] == [SBOM.media_type]


def test_bills_of_materials_lie_in_a_layout(tmp_path: Path) -> None:
    image = _image(tmp_path)

    write_layout([image], "app", tmp_path / "out", [[SBOM]])

    rows = json.loads((tmp_path / "out/index.json").read_bytes())["manifests"]
    assert [row.get("artifactType") for row in rows] == [None, SBOM.media_type]
    assert open_image(tmp_path / "out", "amd64").manifest_digest == rows[0]["digest"]


def test_a_push_that_fails_leaves_the_tag_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with memory_registry() as registry:
        reference = f"{registry.address}/team/app:1"
        push_images(_scene(tmp_path), [_image(tmp_path)], reference)
        before = registry.manifests["team/app", "1"]
        registry.failing["PUT .*/blobs/uploads/"] = 100
        with pytest.raises(NetworkError):
            push_images(_scene(tmp_path), [_image(tmp_path, b"other")], reference)
        after = registry.manifests["team/app", "1"]
        registry.failing.clear()
        registry.failing["(POST|PATCH|PUT) "] = 2
        push_images(_scene(tmp_path), [_image(tmp_path, b"other")], reference)

    assert before == after
    assert registry.manifests["team/app", "1"] != before


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_pushing_side_by_side_is_one_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    layers = [_image(tmp_path, f"layer {number}".encode()).layers[0] for number in range(12)]
    image = replace(_image(tmp_path), layers=tuple(layers))
    with memory_registry(auth=auth) as registry:
        login = {"auths": {registry.address: {"username": "me", "password": "secret"}}}
        (tmp_path / "auth.json").write_text(json.dumps(login))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
        push_images(_scene(tmp_path), [image], f"{registry.address}/team/app:1")
        asked = [line for line in registry.requests if line.startswith("GET /token")]

    assert len(registry.blobs) == 13
    assert len(asked) == (2 if auth == "token" else 0)  # to read, and to write


def test_an_upload_that_the_registry_forgot_begins_anew(tmp_path: Path) -> None:
    with memory_registry() as registry:
        original = registry.fails

        def forget(line: str) -> bool:
            if line.startswith("PATCH") and len(registry.uploads) == 1:
                registry.uploads = {"gone": b""}
            return original(line)

        registry.fails = forget  # type: ignore[method-assign]  # a registry that was restarted
        push_images(_scene(tmp_path), [_image(tmp_path)], f"{registry.address}/team/app:1")

    assert ("team/app", "1") in registry.manifests


def _record(image: BuiltImage, project: str) -> RecordedImage:
    return RecordedImage(
        target="t",
        project=parse_digest(project),
        normalisation=NORMALISATION,
        diff_ids=tuple(parse_digest(one.diff_id) for one in image.layers),
        config=parse_digest(describe(CONFIG_TYPE, image.config).digest),
        manifest=parse_digest(manifest_descriptor(image).digest),
        compressor=image.compressor,
    )


def test_a_build_is_held_to_what_the_lock_records(tmp_path: Path) -> None:
    image, other = _image(tmp_path), _image(tmp_path, b"other")
    project, moved = _digest(b"tree"), _digest(b"another tree")
    recorded = _record(image, project)

    hold(recorded, image, parse_digest(project))
    hold(recorded, replace(image, compressor="zstd"), parse_digest(project))
    with pytest.raises(IntegrityError, match="not the one"):
        hold(recorded, other, parse_digest(project))
    with pytest.raises(DriftError) as caught:
        hold(recorded, other, parse_digest(moved))

    assert caught.value.slug == "LE505"


def test_what_cannot_run_here_is_refused_before_any_work(tmp_path: Path) -> None:
    here = machine_here().platform
    foreign = "linux-aarch64" if here == "linux-x86_64" else "linux-x86_64"
    machine = foreign.removeprefix("linux-")
    target = LockedTarget(name="edge", platform=foreign, python="3.12.1")
    handler = tmp_path / f"qemu-{machine}"

    with pytest.raises(HostError) as caught:
        refuse_foreign(target, "run", tmp_path)
    refuse_foreign(target, "none", tmp_path)
    handler.write_text("enabled\ninterpreter /usr/bin/qemu\nflags: OC\n")
    with pytest.raises(HostError):
        refuse_foreign(target, "run", tmp_path)
    handler.write_text("enabled\ninterpreter /usr/bin/qemu\nflags: OCF\n")
    refuse_foreign(target, "run", tmp_path)
    refuse_foreign(LockedTarget(name="here", platform=here, python="3.12.1"), "run", tmp_path)

    assert caught.value.slug == "foreign-architecture"
    assert any("qemu" in line for line in caught.value.fix)


def test_a_layout_names_several_images_by_one_index(tmp_path: Path) -> None:
    images = [_image(tmp_path), _image(tmp_path, architecture="arm64")]

    write_layout(images, "app:1", tmp_path / "out", [[SBOM], [SBOM]])

    index = json.loads((tmp_path / "out/index.json").read_bytes())
    named = [one for one in index["manifests"] if "annotations" in one]
    assert [one["digest"] for one in named] == [top_digest(images)]
    for image in images:
        found = open_image(tmp_path / "out", image.architecture)
        assert found.config_digest == describe(CONFIG_TYPE, image.config).digest


def test_byte_code_for_another_processor_needs_the_very_version(tmp_path: Path) -> None:
    here = machine_here().platform
    foreign = "linux-aarch64" if here == "linux-x86_64" else "linux-x86_64"
    target = LockedTarget(name="edge", platform=foreign, python="3.11.99")
    python = LockedInterpreter(
        version="3.11.99", platform=foreign, source="debian", targets=("edge",)
    )
    lock = Lock(targets=(target,), interpreters=(python,))
    scene = _scene(tmp_path)

    with open_network(scene, None) as fetcher, pytest.raises(HostError) as caught:
        compiler_for(scene, lock, target, python, fetcher, tmp_path)

    assert caught.value.slug == "foreign-architecture"
    assert "3.11.99" in caught.value.what


def test_an_interpreter_of_this_machine_compiles_for_another(tmp_path: Path) -> None:
    source, bad = tmp_path / "one.py", tmp_path / "bad.py"
    source.write_text("X = ('a', 1)\n")
    bad.write_text("def {{ template }}")
    folder = tmp_path / "work"
    folder.mkdir()

    made = compile_here(sys.executable, [(source, "/opt/one.py"), (bad, "/opt/bad.py")], folder)

    assert made[0] is not None
    code = made[0].read_bytes()
    assert made[1] is None
    assert code[:4] == importlib.util.MAGIC_NUMBER
    assert code[4:16] == b"\3\0\0\0" + importlib.util.source_hash(source.read_bytes())
    assert b"/opt/one.py" in code


def test_without_an_engine_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(HostError) as caught:
        find_engine()

    assert caught.value.why == ("docker is not installed", "podman is not installed")


def _gated(
    folder: Path, driver: str | None, gate: Gate, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The gate before a command, on a node with this driver (and a stand-in for libcuda)."""
    version = folder / "version"
    text = render_gate(gate).replace("/sys/module/nvidia/version", str(version))
    if driver is not None:
        version.write_text(f"{driver}\n")
    program = folder / "gate.py"
    program.write_text(text.replace("/proc/driver/nvidia/version", str(folder / "nonesuch")))
    words = [sys.executable, "-I", "-S", str(program), "/bin/echo", "ran"]
    return subprocess.run(
        words, env={"PATH": "/bin", **variables}, capture_output=True, text=True, check=False
    )


def test_the_gate_refuses_a_node_with_an_old_driver(tmp_path: Path) -> None:
    gate = Gate(driver="525.60.13", major=12)

    old = _gated(tmp_path, "470.82.01", gate)
    new = _gated(tmp_path, "535.183.01", gate)
    told = _gated(tmp_path, "470.82.01", gate, NVIDIA_DISABLE_REQUIRE="1")

    assert (old.returncode, old.stdout) == (78, "")
    assert old.stderr == (
        "lockenv: this node has NVIDIA driver 470.82.01, this image needs 525.60.13 or newer\n"
    )
    assert (new.returncode, new.stdout, new.stderr) == (0, "ran\n", "")
    assert (told.returncode, told.stdout) == (0, "ran\n")


def test_the_gate_lets_a_node_without_a_gpu_pass(tmp_path: Path) -> None:
    answer = _gated(tmp_path, None, Gate(driver="525.60.13"))

    assert (answer.returncode, answer.stdout) == (0, "ran\n")
    assert answer.stderr.count("\n") == 1
    assert "no NVIDIA driver" in answer.stderr


def test_the_gate_looks_at_the_gpus(tmp_path: Path) -> None:
    build_libcuda(tmp_path, FakeDriver(capability=(7, 0), cuda=12040))
    path = {"LD_LIBRARY_PATH": str(tmp_path)}

    refused = _gated(tmp_path, "550.54", Gate(driver="525.60.13", archs=("8.0", "9.0")), **path)
    compiled = _gated(tmp_path, "550.54", Gate(driver="525.60.13", ptx=("7.0",)), **path)
    forward = _gated(tmp_path, "470.82", Gate(driver="525.60.13", major=12), **path)

    assert refused.returncode == 78
    assert "compute capability 7.0" in refused.stderr
    assert compiled.stdout == "ran\n"
    assert forward.stdout == "ran\n"

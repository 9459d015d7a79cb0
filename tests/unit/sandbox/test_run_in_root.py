"""A command in an image's root: as if run directly, in every way that this machine allows."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockenv.materialize import (
    BuildPlaces,
    ImagePlan,
    ImageSettings,
    ImageStore,
    build_image,
    materialize_root,
)
from lockenv.sandbox import (
    LIBRARY,
    Confinement,
    RootCommand,
    Shared,
    abilities,
    cdi_shares,
    root_program,
    run,
)
from tests.support.debs import EPOCH, can_make_host_base, host_base

MODES = [ability.mode for ability in abilities() if ability.works and ability.mode != "chroot"]
pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(not MODES, reason="needs root or user namespaces"),
    pytest.mark.skipif(not can_make_host_base(), reason="needs dpkg on this machine"),
]


@pytest.fixture(scope="module", params=MODES)
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RootCommand:
    """A command without words in a root that was laid out in one mode."""
    folder = tmp_path_factory.mktemp("image")
    confinement = Confinement(request.param)
    places = BuildPlaces(cache=folder, data=folder, confinement=confinement)
    plan = ImagePlan(
        architecture="amd64",
        epoch=EPOCH,
        debs=(host_base().plan(folder),),
        settings=ImageSettings(user="0"),
    )
    layers = [layer.path for layer in build_image(plan, places).layers]
    store = ImageStore(folder)
    below = materialize_root(layers, "below", confinement, store)
    return RootCommand(
        root=str(below),
        above=(str(materialize_root([], "above", confinement, store)),),
        mode=request.param,
        scratch=str(folder / "scratch"),
        argv=(),
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
    )


def _with(
    root: RootCommand, folder: Path, *argv: str, shared: tuple[Shared, ...] = ()
) -> RootCommand:
    return RootCommand(
        root=root.root,
        above=root.above,
        mode=root.mode,
        scratch=str(folder / "scratch"),
        argv=argv,
        env=root.env,
        cwd="/",
        shared=shared,
    )


def _output(root: RootCommand, folder: Path, script: str, *shared: Shared) -> str:
    outcome = run(root_program(_with(root, folder, "sh", "-c", script, shared=shared)))
    assert outcome.status == 0, outcome.output
    return outcome.output


def test_we_are_ourselves_with_a_home(root: RootCommand, tmp_path: Path) -> None:
    said = _output(root, tmp_path, 'id -u; id -un; echo "$USER"; touch "$HOME/file" && ls "$HOME"')

    uid, name, user, listed = said.splitlines()
    assert (int(uid), name, listed) == (os.geteuid(), user, "file")


def test_what_is_written_stays_out_of_the_root(root: RootCommand, tmp_path: Path) -> None:
    _output(root, tmp_path, "echo changed > /etc/passwd; rm /usr/bin/ls; mkdir /new")

    assert (Path(root.root) / "usr/bin/ls").exists()
    assert not (Path(root.root) / "new").exists()
    assert "changed" not in (Path(root.root) / "etc/passwd").read_text()


def test_what_is_shared_is_seen_and_what_is_missing_may_be(
    root: RootCommand, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "file").write_text("ours")
    shared = (
        Shared(source=str(project), target="/app"),
        Shared(source="/nowhere/libcuda.so", target="/opt/driver/libcuda.so.1", optional=True),
    )

    assert _output(root, tmp_path, "cat /app/file; echo more > /app/new", *shared) == "ours"
    assert (project / "new").read_text() == "more\n"


def test_no_link_in_the_root_leads_a_mount_out(root: RootCommand, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = Path(root.root, "way")
    if not link.is_symlink():
        link.symlink_to("/opt/inside")

    _output(root, tmp_path, "ls /opt/inside/deep", Shared(source=str(outside), target="/way/deep"))

    assert not Path("/opt/inside").exists()


_IN_A_TERMINAL = f"""
import json, sys
sys.path.insert(0, {LIBRARY!r})
from lockenv.sandbox import RootCommand, run_in_root
sys.exit(run_in_root(RootCommand(**json.load(open(sys.argv[1])))))
"""


def _started(root: RootCommand, folder: Path, script: str) -> list[str]:
    import json  # noqa: PLC0415 - two uses
    from dataclasses import asdict  # noqa: PLC0415 - likewise

    order = folder / "order.json"
    order.write_text(json.dumps(asdict(_with(root, folder, "sh", "-c", script))))
    return [sys.executable, "-c", _IN_A_TERMINAL, str(order)]


def test_a_terminal_is_the_commands_own(root: RootCommand, tmp_path: Path) -> None:
    script = (
        "trap 'echo interrupted; exit 5' INT; test -t 0 && echo ready; while :; do sleep 1; done"
    )
    words = _started(root, tmp_path, script)
    child, terminal = pty.fork()
    if child == 0:
        os.execv(words[0], words)  # noqa: S606 - our own interpreter
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 1024)

    os.write(terminal, b"\x03")
    while b"interrupted" not in said:
        said += os.read(terminal, 1024)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 5


def test_signals_are_passed_on(root: RootCommand, tmp_path: Path) -> None:
    words = _started(root, tmp_path, "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done")
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        time.sleep(0)

        assert process.wait(60) == 9


def test_driver_libraries_are_found_under_the_names_that_programs_ask_for() -> None:
    library = "/usr/lib/x86_64-linux-gnu/libcuda.so.535.54.03"
    document: dict[str, object] = {
        "kind": "nvidia.com/gpu",
        "containerEdits": {"mounts": [{"hostPath": library, "containerPath": library}]},
        "devices": [
            {"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0"}]}},
            {"name": "all", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia1"}]}},
        ],
    }

    found = {one.target: one.source for one in cdi_shares(document)}

    assert found == {
        "/dev/nvidia1": "/dev/nvidia1",
        "/opt/lockenv/driver/libcuda.so.1": library,
    }

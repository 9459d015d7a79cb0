from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import HostError
from lockenv.sandbox import (
    LIBRARY,
    NAMESPACES,
    OwnershipRecord,
    Program,
    UserMap,
    abilities,
    check_store,
    choose_mode,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
WORKING = [one.mode for one in abilities() if one.works]
SINGLE = UserMap(uids=((0, os.geteuid(), 1),), gids=((0, os.getegid(), 1),))
needs_single = pytest.mark.skipif(
    not any(one.mode == "single" and one.works for one in abilities()),
    reason="needs unprivileged user namespaces",
)


def _python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code, *arguments)


@needs_single
def test_a_program_is_alone_in_its_namespaces() -> None:
    code = "import os, socket; print(os.getpid(), socket.gethostname())"

    outcome = run(
        Program(argv=_python(code), user=SINGLE, namespaces=NAMESPACES, host_name="quiet")
    )

    assert outcome.status == 0, outcome.output
    pid, name = outcome.output.split()
    assert int(pid) < 5
    assert name == "quiet"


@needs_single
def test_the_exit_status_is_the_programs_own() -> None:
    program = Program(argv=_python("raise SystemExit(7)"), user=SINGLE, namespaces=NAMESPACES)

    assert run(program).status == 7


@needs_single
def test_a_signal_is_128_and_its_number() -> None:
    code = "import os; os.kill(os.getpid(), 15)"

    assert run(Program(argv=_python(code), user=SINGLE, namespaces=NAMESPACES)).status == 143


def test_what_is_not_found_is_127() -> None:
    assert run(Program(argv=("/nonesuch",))).status == 127


@needs_single
def test_ownership_is_recorded_where_it_cannot_be_given(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for path in (one, two):
        path.touch()
    three.symlink_to(one)
    code = (
        "import os, sys; one, two, three = sys.argv[1:]\n"
        "os.chown(one, 5, 6)\n"
        "fd = os.open(two, os.O_RDONLY); os.fchown(fd, 7, -1)\n"
        "os.chdir(os.path.dirname(one)); os.chown('three', 9, 9, follow_symlinks=False)\n"
        "os.setgroups([1, 2]); os.setresuid(3, 3, 3)\n"
    )
    record = OwnershipRecord()

    outcome = run(
        Program(argv=_python(code, str(one), str(two), str(three)), user=SINGLE), record=record
    )

    assert outcome.status == 0, outcome.output
    assert record.owner(one.stat()) == (5, 6)
    assert record.owner(two.stat()) == (7, 0)
    assert record.owner(three.lstat()) == (9, 9)
    record.close()


@needs_single
def test_chown_of_what_is_not_there_fails_as_always(tmp_path: Path) -> None:
    code = (
        "import os, sys\ntry: os.chown(sys.argv[1], 5, 6)\nexcept FileNotFoundError: print('right')"
    )
    record = OwnershipRecord()

    outcome = run(Program(argv=_python(code, str(tmp_path / "none")), user=SINGLE), record=record)

    assert outcome.output.strip() == "right"
    record.close()


@pytest.mark.parametrize("mode", WORKING)
def test_nothing_outlives_a_build_that_is_killed(tmp_path: Path, mode: str) -> None:
    started = tmp_path / "started"
    script = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    builder = (
        f"import sys; sys.path.insert(0, {LIBRARY!r})\n"
        "from lockenv.sandbox import NAMESPACES, Program, run, user_map\n"
        f"spaces = () if {mode!r} == 'chroot' else NAMESPACES\n"
        "shell = ('/bin/sh', '-c', '\"$@\"; :', 'sh')\n"  # a script and what it runs
        f"argv = (*shell, sys.executable, '-I', '-S', '-c', {script!r})\n"
        f"run(Program(argv=argv, user=user_map({mode!r}), namespaces=spaces, session=True))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", builder])
    _until(started.exists)
    assert len(_running(str(started))) > 1

    process.kill()
    process.wait()

    _until(lambda: not _running(str(started)))


def _running(words: str) -> list[str]:
    """The processes of this machine with these words in their command lines."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if words in (place / "cmdline").read_text(errors="replace"):
                found.append(place.name)
    return found


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("it did not come to pass")


def test_every_mode_says_why_it_does_not_work() -> None:
    assert all(ability.works or (ability.why and ability.fix) for ability in abilities())


def test_a_mode_that_does_not_work_is_refused_with_its_reason() -> None:
    broken = next((ability for ability in abilities() if not ability.works), None)
    if broken is None:
        pytest.skip("every mode works here")

    with pytest.raises(HostError) as caught:
        choose_mode(broken.mode)

    assert caught.value.status == 6
    assert broken.mode in caught.value.why[0]


def test_a_store_that_cannot_run_programs_is_refused(tmp_path: Path) -> None:
    check_store(tmp_path, "single")  # what is fit is not complained of

    with pytest.raises(HostError) as caught:
        check_store(Path("/proc/sys"), "single")

    assert caught.value.slug == "store-unfit"


@needs_single
def test_root_of_a_namespace_with_one_id_records_ownership() -> None:
    code = (
        f"import sys; sys.path.insert(0, {LIBRARY!r}); "
        "from lockenv.sandbox import choose_mode; print(choose_mode())"
    )

    outcome = run(Program(argv=_python(code), user=SINGLE, namespaces=("mount",)))

    assert outcome.output.strip() == "single", outcome.output

"""lockenv beside uv, pip and pdm on real projects: one run, tools in turn, medians and ratios.

    python3 benchmarks/race.py                            # every row on the small workload
    python3 benchmarks/race.py -w w2-web -w w3-datasci -n 9 --tools lockenv,uv

Each tool gets a store of its own in a scratch folder. Every row prepares its state (store empty,
store warm, environment there or not) outside the measured time, then runs the tools one after the
other, round by round, so that a drift of the machine's speed hits all of them. Peak memory is the
operating system's own figure for the largest process. Tools that are not on PATH are left out and
named. uv is measured twice where it matters: as it is, and with its index's pages and metadata
declared fresh (`uv-fresh`), which is what lockenv does for an index that says nothing. ``CI`` and
what keeps Python from writing its compiled modules are taken out of the environment: a user's tools
are compiled, and a user's lockenv remembers answers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

WORKLOADS = Path(__file__).parent / "workloads"
PYTHON = "3.11.7"
TARGET = "linux-x86_64"


@dataclass
class Figures:
    """What one tool needed in one row, run by run."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    failed: int = 0


@dataclass
class Tool:
    """One competitor: its commands for a project, and where it keeps what it fetched."""

    name: str
    program: str
    store: Path
    project: Path
    environment: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[str]] = field(default_factory=dict)

    def empty_store(self) -> None:
        """Forget everything that was fetched."""
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir(parents=True)

    def remove(self, *names: str) -> None:
        """Remove files and folders of the project."""
        for name in names:
            path = self.project / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def measured(tool: Tool, command: list[str], figures: Figures | None) -> None:
    """Run one command and note wall time and peak memory of its largest process."""
    environment = {**_surroundings(), **tool.environment}
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=tool.project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if figures is None:
        return
    if process.returncode:
        figures.failed += 1
        sys.stderr.write(f"{tool.name}: {' '.join(command)}: {process.returncode}\n")
        sys.stderr.write(message.decode(errors="replace")[-600:] + "\n")
        return
    figures.seconds.append(seconds)
    figures.megabytes.append(usage.ru_maxrss / 1024)


def _surroundings() -> dict[str, str]:
    left_out = {"CI", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in left_out}


def lockenv(scratch: Path, workload: Path, program: str) -> Tool:
    """Our own commands."""
    project, store = _project(scratch, workload, "lockenv")
    manifest = project / "pyproject.toml"
    manifest.write_text(
        manifest.read_text() + f'\n[tool.lockenv]\npython = "{PYTHON}"\ntargets = ["{TARGET}"]\n'
    )
    tool = Tool("lockenv", program, store, project)
    tool.environment = {
        "LOCKENV_CACHE_DIR": str(store),
        "LOCKENV_DATA_DIR": str(store / "data"),
    }
    tool.rows = {
        "lock": [program, "lock", "-q"],
        "sync": [program, "sync", "-q"],
        "check": [program, "check", "-q"],
    }
    return tool


def uv(scratch: Path, workload: Path, program: str, *, fresh: bool = False) -> Tool:
    """uv's commands; with ``fresh`` its index pages count as fresh for ten minutes."""
    name = "uv-fresh" if fresh else "uv"
    project, store = _project(scratch, workload, name)
    if fresh:
        manifest = project / "pyproject.toml"
        from_lockenv = subprocess.run(
            [
                sys.executable,
                "-c",
                "from lockenv.tables.addresses import PYTHON_INDEX as p; print(p)",
            ],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        address = os.environ.get("UV_DEFAULT_INDEX") or from_lockenv
        manifest.write_text(
            manifest.read_text()
            + f'\n[[tool.uv.index]]\nurl = "{address}"\ndefault = true\n'
            + 'cache-control = { api = "max-age=600", files = "max-age=31536000" }\n'
        )
    tool = Tool(name, program, store, project)
    tool.environment = {
        "UV_CACHE_DIR": str(store),
        "UV_PYTHON": PYTHON,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    tool.rows = {
        "lock": [program, "lock", "-q"],
        "sync": [program, "sync", "-q", "--frozen"],
        "check": [program, "lock", "--check", "-q"],
    }
    return tool


def pdm(scratch: Path, workload: Path, program: str) -> Tool:
    """pdm's commands."""
    project, store = _project(scratch, workload, "pdm")
    tool = Tool("pdm", program, store, project)
    tool.environment = {
        "PDM_CACHE_DIR": str(store),
        "PDM_CHECK_UPDATE": "0",
        "PDM_IGNORE_SAVED_PYTHON": "0",
    }
    tool.rows = {
        "lock": [program, "lock", "-q"],
        "sync": [program, "sync", "-q"],
        "check": [program, "lock", "--check", "-q"],
    }
    return tool


def pip(scratch: Path, workload: Path, program: str) -> Tool:
    """pip's nearest commands: it has no check, and its lock is an experimental verb."""
    project, store = _project(scratch, workload, "pip")
    tool = Tool("pip", program, store, project)
    tool.environment = {"PIP_CACHE_DIR": str(store), "PIP_FIND_LINKS": ""}
    base = [program, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    tool.rows = {
        "lock": [*base, "lock", "-o", "pylock.toml", "."],
        "sync": [*base, "--python", ".venv", "install", "--no-compile", "-r", "pylock.toml"],
    }
    return tool


def _project(scratch: Path, workload: Path, name: str) -> tuple[Path, Path]:
    project = scratch / name / workload.name
    shutil.copytree(workload, project)
    store = scratch / name / "store"
    store.mkdir(parents=True, exist_ok=True)
    return project, store


LOCKS = ("lockenv.lock", "uv.lock", "pdm.lock", "pylock.toml")


def prepare(tool: Tool, row: str) -> None:
    """Bring the tool to the state that a row starts from."""
    if row in {"lock-cold", "sync-cold"}:
        tool.empty_store()
    if row.startswith("lock"):
        tool.remove(*LOCKS)
    if row in {"sync-cold", "sync-warm"}:
        tool.remove(".venv", ".pdm-python")
        if tool.name == "pip":
            subprocess.run([tool.program, "-m", "venv", str(tool.project / ".venv")], check=True)
        if tool.name == "pdm":
            subprocess.run(
                [tool.program, "venv", "create", "-q", tool.environment.get("PYTHON", PYTHON)],
                cwd=tool.project,
                env={**os.environ, **tool.environment},
                check=False,
                capture_output=True,
            )


ROWS = ("lock-cold", "lock-warm", "sync-cold", "sync-warm", "sync-noop", "check")


def race(tools: list[Tool], row: str, rounds: int) -> dict[str, Figures]:
    """One row: a warm-up and ``rounds`` counted runs of each tool, in turn."""
    verb = row.split("-", maxsplit=1)[0]
    results = {tool.name: Figures() for tool in tools if verb in tool.rows}
    for number in range(rounds + 1):
        for tool in tools:
            if verb in tool.rows:
                prepare(tool, row)
                measured(tool, tool.rows[verb], results[tool.name] if number else None)
    return results


def main() -> None:
    """Run the race and print one table a workload."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-w", "--workload", action="append", help="folder in benchmarks/workloads")
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("-r", "--row", action="append", choices=ROWS)
    parser.add_argument("--tools", default="lockenv,uv,uv-fresh,pdm,pip")
    options = parser.parse_args()
    makers = {"lockenv": lockenv, "uv": uv, "pdm": pdm, "pip": pip}
    programs = {"lockenv": "lockenv", "uv": "uv", "pdm": "pdm", "pip": f"python{PYTHON[:4]}"}
    for name in options.workload or ["w1-small"]:
        with tempfile.TemporaryDirectory(prefix="race-") as folder:
            tools = []
            for asked in options.tools.split(","):
                kind = asked.removesuffix("-fresh")
                program = shutil.which(programs[kind])
                if program is None:
                    sys.stderr.write(f"{kind} is not on PATH: left out\n")
                    continue
                scratch, workload = Path(folder), WORKLOADS / name
                if asked == "uv-fresh":
                    tools.append(uv(scratch, workload, program, fresh=True))
                else:
                    tools.append(makers[kind](scratch, workload, program))
            table(name, tools, options.row or list(ROWS), options.rounds)


def table(name: str, tools: list[Tool], rows: list[str], rounds: int) -> None:
    """Print one workload's table: median seconds (min to max), ratio to uv, peak memory."""
    print(f"\n{name}, median of {rounds} (min to max); ratio lockenv to each; peak MB\n")
    print("| row | " + " | ".join(tool.name for tool in tools) + " |")
    print("|---|" + "---|" * len(tools), flush=True)
    for row in rows:
        results = race(tools, row, rounds)
        ours = results["lockenv"].seconds if "lockenv" in results else []
        cells = []
        for tool in tools:
            figures = results.get(tool.name)
            if figures is None or not figures.seconds:
                cells.append("-" if figures is None else f"failed {figures.failed}x")
                continue
            middle = statistics.median(figures.seconds)
            text = f"{middle:.2f} s ({min(figures.seconds):.2f} to {max(figures.seconds):.2f})"
            if ours and tool.name != "lockenv":
                text += f", {statistics.median(ours) / middle:.2f}"
            cells.append(f"{text}, {max(figures.megabytes):.0f}")
        print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

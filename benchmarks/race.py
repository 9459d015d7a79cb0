"""lockenv beside uv (and pip and pdm, if asked) on real projects, in turn, in one run.

    python3 benchmarks/race.py                                # the whole table
    python3 benchmarks/race.py -w w1-small -r check -n 3      # a part of it
    python3 benchmarks/race.py -w w2-web --tools lockenv,pdm,pip

Each tool gets a store of its own in a scratch folder. Every row prepares its state (store empty,
store warm, environment there or not) outside the measured time, then runs the tools one after the
other, round by round after a warm-up, so that a drift of the machine's speed hits all of them. Peak
memory is the operating system's own figure for the largest process. Tools that are not on PATH are
left out and named.

The rows:

    sync-seen     an environment for another checkout of a lock that this machine has synced
    sync-warm     the same with every wheel in the store, of a lock that was made here just now and
                  for lockenv is of a set that it never made
    sync-pulled   the same, of a lock that somebody else made: lockenv has forgotten it altogether
    sync-cold     with an empty store
    sync-noop     nothing to do
    check         `lockenv check` against `uv lock --check`
    lock-fresh    no former lock, pages in the store and fresh; uv has its index declared fresh too
    lock-search   the same, but lockenv has forgotten its answers: it must search
    lock-warm     no former lock, pages in the store; uv as it is asks for every page again
    lock-cold     with an empty store

``uv-fresh`` is uv with its index's pages and metadata declared fresh, which is what lockenv does
for an index that says nothing; it races in lock-fresh and lock-search only. ``CI`` and what keeps
Python from writing its compiled modules are taken out of the environment: a user's tools are
compiled, and a user's lockenv remembers answers.
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
    answers: tuple[str, ...] = ()
    checkouts: int = 0

    def empty_store(self) -> None:
        """Forget everything that was fetched."""
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir(parents=True)

    def remove(self, *names: str) -> None:
        """Remove files and folders of the project."""
        for name in names:
            path = self.project / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Forget answers and environments, but nothing that was fetched or unpacked."""
        for name in self.answers:
            for path in self.store.glob(name):
                for place in [path, *path.rglob("*/")]:
                    place.chmod(0o700)
                shutil.rmtree(path)

    def move(self) -> None:
        """Go on in another folder, with the manifest and the lock alone."""
        self.checkouts += 1
        former = self.project
        self.project = self.store.parent / f"checkout{self.checkouts}" / former.name
        self.project.mkdir(parents=True)
        for name in ("pyproject.toml", *LOCKS):
            if (former / name).exists():
                shutil.copy(former / name, self.project)
        shutil.rmtree(former)


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
    tool.answers = ("answers", "data/trees")
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
    if row in {"lock-search", "sync-warm", "sync-pulled"}:
        tool.forget()
    if row == "sync-warm" and tool.name == "lockenv":
        measured(tool, tool.rows["lock"], None)
    if row.startswith("lock"):
        tool.remove(*LOCKS)
    if row in {"sync-seen", "sync-warm", "sync-pulled", "sync-cold"}:
        tool.remove(".venv", ".pdm-python")
        tool.move()
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


#: The rows in the order in which they run, with the ratio to uv that is aimed at.
ROWS = {
    "lock-cold": 1.3,
    "lock-warm": None,
    "lock-fresh": 1.0,
    "lock-search": None,
    "sync-cold": 1.0,
    "sync-warm": 1.0,
    "sync-pulled": 1.0,
    "sync-seen": 0.5,
    "sync-noop": 1.5,
    "check": 1.5,
}
#: Rows in which uv has its pages declared fresh: lockenv's ratio is to that one there.
FRESH = {"lock-fresh", "lock-search"}
WARM_UPS = {"sync-seen": 2}


def race(tools: list[Tool], row: str, rounds: int) -> dict[str, Figures]:
    """One row: warm-ups and ``rounds`` counted runs of each tool, in turn."""
    verb = row.split("-", maxsplit=1)[0]
    racing = [tool for tool in tools if verb in tool.rows and is_in(tool, row)]
    results = {tool.name: Figures() for tool in racing}
    warm_ups = WARM_UPS.get(row, 1)
    for number in range(rounds + warm_ups):
        for tool in racing:
            prepare(tool, row)
            measured(tool, tool.rows[verb], results[tool.name] if number >= warm_ups else None)
    return results


def is_in(tool: Tool, row: str) -> bool:
    """Whether a tool has part in a row: of the two ways of uv one at a time."""
    if tool.name == "uv":
        return row not in FRESH
    return tool.name != "uv-fresh" or row in FRESH


#: The small, the web, the data science and a backtracking workload.
USUAL = ("w1-small", "w2-web", "w3-datasci", "w5d-backtrack-dandi")


def main() -> None:
    """Run the race and print one table a workload, then all ratios together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-w", "--workload", action="append", help="folder in benchmarks/workloads")
    parser.add_argument("-n", "--rounds", type=int, default=9)
    parser.add_argument("-r", "--row", action="append", choices=list(ROWS))
    parser.add_argument("--tools", default="lockenv,uv,uv-fresh")
    options = parser.parse_args()
    makers = {"lockenv": lockenv, "uv": uv, "pdm": pdm, "pip": pip}
    programs = {"lockenv": "lockenv", "uv": "uv", "pdm": "pdm", "pip": f"python{PYTHON[:4]}"}
    rows = [row for row in ROWS if not options.row or row in options.row]
    ratios: dict[str, dict[str, float]] = {row: {} for row in rows}
    for name in options.workload or USUAL:
        with tempfile.TemporaryDirectory(prefix="race-", ignore_cleanup_errors=True) as folder:
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
            ready(tools, rows)
            table(name, tools, rows, options.rounds, ratios)
            for tool in tools:
                tool.forget()
    summary(ratios, list(options.workload or USUAL), options.rounds)


def ready(tools: list[Tool], rows: list[str]) -> None:
    """Lock and sync once, where the first row does not begin with an empty store itself."""
    if rows and rows[0] == "lock-cold":
        return
    for tool in tools:
        for verb in ("lock", "sync"):
            if verb in tool.rows:
                measured(tool, tool.rows[verb], None)


def table(
    name: str,
    tools: list[Tool],
    rows: list[str],
    rounds: int,
    ratios: dict[str, dict[str, float]],
) -> None:
    """Print one workload's table: median seconds (min to max), ratio to each, peak memory."""
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
                cells.append("" if figures is None else f"failed {figures.failed}x")
                continue
            middle = statistics.median(figures.seconds)
            text = f"{middle:.3f} s ({min(figures.seconds):.3f} to {max(figures.seconds):.3f})"
            if figures.failed:
                text += f", failed {figures.failed}x"
            if ours and tool.name != "lockenv":
                ratio = statistics.median(ours) / middle
                text += f", **{ratio:.2f}**"
                if tool.name.startswith("uv"):
                    ratios[row][name] = ratio
            cells.append(f"{text}, {max(figures.megabytes):.0f} MB")
        print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


def summary(ratios: dict[str, dict[str, float]], workloads: list[str], rounds: int) -> None:
    """Print lockenv's ratios to uv, a column a workload, beside what is aimed at."""
    print(f"\nwall time, lockenv / uv, medians of {rounds}\n")
    print("| row | aim | " + " | ".join(workloads) + " |")
    print("|---|---|" + "---|" * len(workloads))
    for row, found in ratios.items():
        aim = ROWS[row]
        cells = []
        for name in workloads:
            ratio = found.get(name)
            missed = ratio is not None and aim is not None and ratio > aim
            cells.append("" if ratio is None else f"{ratio:.2f}" + (" (missed)" if missed else ""))
        print(f"| {row} | {'' if aim is None else f'≤ {aim}'} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

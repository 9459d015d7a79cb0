"""Everything that a change must pass; `nox -l` lists the sessions, `nox -s tests` runs one."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff with all rules on; each exception has its reason beside it in pyproject.toml."""
    session.install("ruff>=0.15")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy strict on code and tests."""
    session.install("--group", "dev", "-e", ".")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Unit, property, contract, architecture and scenario tests: no network, no root."""
    session.install("--group", "test", "-e", ".")
    session.run("pytest", "-m", "not network and not root and not tools", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """The real index, the real archive, real containers: needs network, and root for some."""
    session.install("--group", "test", "-e", ".")
    session.run("pytest", "-m", "network or root or tools", *session.posargs)

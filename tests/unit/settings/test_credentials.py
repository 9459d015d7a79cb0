"""Credentials go to declared origins, and nowhere else."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from lockenv.settings import (
    Credentials,
    RegistryLogin,
    read_credentials,
    read_registry_logins,
)
from lockenv.tables.addresses import CONTAINER_REGISTRY, CONTAINER_REGISTRY_LOGIN

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = [
    ("internal", "https://packages.example.com/simple/"),
    ("my-second.one", "https://packages.example.com/second/"),
    ("", "https://mirror.example.com:8443/"),
]


def credentials(folder: Path, environ: dict[str, str] | None = None) -> Credentials:
    return read_credentials(environ or {}, home=folder, declared=DECLARED)


def test_netrc_is_read_for_declared_origins_only(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(
        "machine packages.example.com login me password pw\n"
        "machine elsewhere.example.com login me password pw\n"
    )

    found = credentials(tmp_path)

    assert found("https://packages.example.com/simple/numpy/") == ("me", "pw")
    assert found("https://PACKAGES.example.com:443/files/x.whl") == ("me", "pw")
    assert found("http://packages.example.com/simple/") is None
    assert found("https://packages.example.com:444/simple/") is None
    assert found("https://elsewhere.example.com/") is None
    assert found("https://packages.example.com.evil.example/") is None


def test_variables_are_stronger_than_netrc_and_belong_to_one_index(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login me password pw\n")
    environ = {
        "LOCKENV_INDEX_INTERNAL_USERNAME": "u",
        "LOCKENV_INDEX_INTERNAL_PASSWORD": "p",
        "LOCKENV_INDEX_MY_SECOND_ONE_TOKEN": "t",
    }

    found = credentials(tmp_path, environ)

    assert found("https://packages.example.com/simple/x/") == ("u", "p")
    assert found("https://packages.example.com/second/x/") == ("__token__", "t")
    assert found.for_url("https://packages.example.com/files/x", "internal") == ("u", "p")
    assert found("https://mirror.example.com:8443/x") == ("me", "pw")


def test_a_netrc_that_cannot_be_read_is_told_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine a\nlogin\npasswort x\n")

    found = credentials(tmp_path, {"NETRC": str(tmp_path / "netrc")})

    assert found("https://packages.example.com/simple/") is None
    assert found.trouble is not None
    assert "netrc" in found.trouble


def test_the_keyring_is_asked_last_and_once(tmp_path: Path) -> None:
    asked = []

    def ask(address: str, user: str | None) -> tuple[str, str] | None:
        asked.append((address, user))
        return ("me", "kept")

    read = credentials(tmp_path)
    found = Credentials(
        declared=read.declared,
        environ={"LOCKENV_INDEX_INTERNAL_USERNAME": "u"},
        machines={},
        ask_keyring=ask,
    )

    assert found("https://packages.example.com/simple/a") == ("me", "kept")
    assert found("https://packages.example.com/simple/b") == ("me", "kept")
    assert found("https://mirror.example.com:8443/x") is None
    assert asked == [("https://packages.example.com/simple/", "u")]


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine packages.example.com login me password hunter2\n")

    found = credentials(tmp_path, {"LOCKENV_INDEX_INTERNAL_TOKEN": "hunter2"})

    assert "hunter2" not in repr(found)


def auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def test_registries_are_known_from_podmans_and_dockers_files(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(
        json.dumps(
            {
                "auths": {
                    CONTAINER_REGISTRY_LOGIN: auth("hub:one"),
                    "https://registry.example.com": auth("docker:two"),
                    "token.example.com": {"identitytoken": "three"},
                    "broken.example.com": {"auth": "%%%"},
                }
            }
        )
    )
    (tmp_path / "auth.json").write_text(
        json.dumps({"auths": {"registry.example.com/team": auth("team:four")}})
    )

    found = read_registry_logins({"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}, home=tmp_path)

    assert found.for_repository("registry.example.com", "team/app") == RegistryLogin(
        username="team", password="four"
    )
    assert found.for_repository("registry.example.com", "other/app") == RegistryLogin(
        username="docker", password="two"
    )
    assert found.for_repository(CONTAINER_REGISTRY, "library/debian") == RegistryLogin(
        username="hub", password="one"
    )
    token = found.for_repository("token.example.com", "x")
    assert token is not None
    assert token.identity_token == "three"
    assert found.for_repository("broken.example.com") is None
    assert found.for_repository("stranger.example.com") is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"auths": 1}', '{"auths": {"a": 1}}'])
def test_a_file_that_is_no_docker_configuration_knows_nobody(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)

    found = read_registry_logins({"DOCKER_CONFIG": str(tmp_path)}, home=tmp_path)

    assert found.for_repository("a") is None


def test_helpers_are_run_for_the_registries_that_they_keep(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "credsStore": "store",
                "credHelpers": {"cloud.example.com": "cloud"},
                "auths": {"kept.example.com": {}, CONTAINER_REGISTRY_LOGIN: {}},
            }
        )
    )
    ran = []

    def run(helper: str, server: str) -> str | None:
        ran.append((helper, server))
        if helper == "cloud":
            return json.dumps({"Username": "<token>", "Secret": "t"})
        return (
            None if server.startswith("stranger") else json.dumps({"Username": "u", "Secret": "s"})
        )

    found = read_registry_logins({"DOCKER_CONFIG": str(tmp_path)}, home=tmp_path, run_helper=run)

    cloud = found.for_repository("cloud.example.com", "x")
    assert cloud is not None
    assert cloud.identity_token == "t"
    assert found.for_repository("kept.example.com") == RegistryLogin(username="u", password="s")
    assert found.for_repository(CONTAINER_REGISTRY) is not None
    assert found.for_repository("stranger.example.com") is None
    assert ran == [
        ("cloud", "cloud.example.com"),
        ("store", "kept.example.com"),
        ("store", CONTAINER_REGISTRY_LOGIN),
        ("store", "stranger.example.com"),
    ]

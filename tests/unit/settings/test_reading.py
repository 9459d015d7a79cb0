"""The user's settings: three places, the later the stronger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.errors import FaultsError, InputError
from lockenv.settings import Settings, config_files, read_settings

if TYPE_CHECKING:
    from pathlib import Path


def settings(
    folder: Path,
    environ: dict[str, str] | None = None,
    *,
    system: str | None = None,
    user: str | None = None,
    config: Path | None = None,
) -> Settings:
    """The settings of a user whose home is a folder, with these texts as configuration."""
    if system is not None:
        (folder / "system.toml").write_text(system)
    if user is not None:
        (folder / ".config" / "lockenv").mkdir(parents=True)
        (folder / ".config" / "lockenv" / "config.toml").write_text(user)
    return read_settings(environ or {}, home=folder, config=config, system=folder / "system.toml")


def test_without_configuration_the_places_are_those_of_xdg(tmp_path: Path) -> None:
    found = settings(tmp_path)

    assert found.cache_dir == tmp_path / ".cache" / "lockenv"
    assert found.data_dir == tmp_path / ".local" / "share" / "lockenv"
    assert found.files == ()
    assert not found.offline


def test_variables_name_places_and_relative_xdg_ones_count_as_none(tmp_path: Path) -> None:
    environ = {
        "XDG_CACHE_HOME": "/c",
        "XDG_DATA_HOME": "not/absolute",
        "LOCKENV_OFFLINE": "1",
        "LOCKENV_TARGET": "gpu",
        "LOCKENV_VENV": "env",
    }

    found = settings(tmp_path, environ)

    assert str(found.cache_dir) == "/c/lockenv"
    assert found.data_dir == tmp_path / ".local" / "share" / "lockenv"
    assert (found.offline, found.target, found.venv) == (True, "gpu", "env")
    assert str(settings(tmp_path, {**environ, "LOCKENV_CACHE_DIR": "/own"}).cache_dir) == "/own"


def test_the_users_file_is_stronger_than_the_systems(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        system=(
            'jobs = 4\nlink-mode = "copy"\nproxy = "http://proxy.example:3128"\n'
            '[mirrors]\n"https://a.example/" = ["https://m.example/a/"]\n'
            '"https://b.example/" = ["https://m.example/b/"]\n'
        ),
        user=(
            'jobs = 8\nshared-store = "~/store"\nca-bundle = "own.pem"\n'
            '[mirrors]\nfallback = true\n"https://A.example" = ["https://n.example"]\n'
        ),
    )

    assert (found.jobs, found.link_mode, found.proxy) == (8, "copy", "http://proxy.example:3128")
    assert found.shared_store == f"{(tmp_path / 'store').as_uri()}/"
    assert found.ca_bundle == tmp_path / ".config" / "lockenv" / "own.pem"
    assert found.mirrors.fallback
    assert found.mirrors.prefixes == {
        "https://a.example": ("https://n.example",),
        "https://b.example": ("https://m.example/b",),
    }
    assert len(found.files) == 2


def test_a_named_file_stands_in_for_the_users(tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text("jobs = 2\n")

    found = settings(tmp_path, {"LOCKENV_CONFIG": "/nowhere"}, user="jobs = 9\n", config=named)

    assert found.jobs == 2
    assert config_files({"LOCKENV_CONFIG": str(named)}, home=tmp_path)[-1] == (named, True)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        settings(tmp_path, {"LOCKENV_CONFIG": str(tmp_path / "none.toml")})

    assert caught.value.slug == "no-config"


def test_all_faults_of_all_files_are_told_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(FaultsError) as caught:
        settings(
            tmp_path,
            system="\njobs = 0\n",
            user=(
                'linkmode = "copy"\nlink-mode = "symlink"\nproxy = "me:hunter2@p"\n[mirrors]\n'
                '"a.example" = ["https://b.example"]\n'
                '"https://c.example" = ["https://me:hunter2@d.example"]\n'
                '"https://e.example" = []\n'
            ),
        )

    places = [fault.what.rpartition("/")[2].split(":")[:2] for fault in caught.value.faults[:4]]
    assert places == [
        ["system.toml", "2"],
        ["config.toml", "1"],
        ["config.toml", "2"],
        ["config.toml", "3"],
    ]
    assert len(caught.value.faults) == 7
    assert caught.value.faults[1].fix == ("write link-mode",)
    assert "hunter2" not in str(caught.value)


def test_what_is_no_toml_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match=r"system\.toml:1: "):
        settings(tmp_path, system="jobs =\n")


def test_a_variable_that_is_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        settings(tmp_path, {"LOCKENV_OFFLINE": "perhaps"})

    assert caught.value.slug == "invalid-variable"


def test_the_trust_store_of_the_variable_wins(tmp_path: Path) -> None:
    found = settings(tmp_path, {"SSL_CERT_FILE": "/ca.pem"}, user='ca-bundle = "/other.pem"\n')

    assert str(found.ca_bundle) == "/ca.pem"


def test_settings_do_not_show_a_proxys_password(tmp_path: Path) -> None:
    found = settings(tmp_path, user='proxy = "http://me:hunter2@proxy.example"\n')

    assert found.proxy == "http://me:hunter2@proxy.example"
    assert "hunter2" not in repr(found)

"""Other tools' files: what they ask, what they pin, and what has no place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import InputError
from lockenv.interchange.imports import Imported, kind_of_file, parse_import, parse_other_tools

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(file: str, text: str, beside: Mapping[str, str] | None = None) -> Imported:
    return parse_import(file, text, load=(beside or {}).get)


def pins(found: Imported) -> dict[str, str]:
    return {pin.name: pin.version for pin in found.pins}


def lost(found: Imported) -> str:
    return "\n".join(f"{one.what}: {one.why}" for one in found.unmapped)


UV_LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
[package.metadata]
requires-dist = [
    { name = "numpy", specifier = "<3" },
    { name = "redis", marker = "extra == 'cache'", specifier = ">=4" },
    { name = "torch", specifier = ">=2", index = "https://idx.example.com/whl/cpu" },
]
[package.metadata.requires-dev]
dev = [{ name = "pytest", extras = ["x"], specifier = ">=7" }]

[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version < '3.12'"]
wheels = [{ url = "https://f.example.com/n.whl", hash = "sha256:aa" }]

[[package]]
name = "numpy"
version = "2.1.0"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version >= '3.12'"]

[[package]]
name = "torch"
version = "2.3.1+cpu"
source = { registry = "https://idx.example.com/whl/cpu" }

[[package]]
name = "tool"
version = "1.0"
source = { git = "https://g.example.com/tool?rev=v1#0123456789abcdef0123456789abcdef01234567" }
"""


def test_a_uv_lock_gives_its_roots_pins_forks_indexes_and_sources() -> None:
    found = read("uv.lock", UV_LOCK)

    assert found.dependencies == ["numpy<3", "torch>=2"]
    assert found.extras == {"cache": ["redis>=4"]}
    assert found.groups == {"dev": ["pytest[x]>=7"]}
    assert [(pin.version, pin.marker) for pin in found.pins if pin.name == "numpy"] == [
        ("1.26.4", "(python_full_version < '3.12')"),
        ("2.1.0", "(python_full_version >= '3.12')"),
    ]
    assert [index.url for index in found.indexes] == ["https://idx.example.com/whl/cpu"]
    assert found.sources["torch"][0].index == found.indexes[0].name
    assert found.sources["tool"][0].git == "https://g.example.com/tool"
    assert found.sources["tool"][0].rev == "0123456789abcdef0123456789abcdef01234567"


POETRY_LOCK = """
[[package]]
name = "Flask"
version = "2.3.3"
markers = "python_version >= '3.8'"
files = [{ file = "flask.whl", hash = "sha256:aa" }]
[package.dependencies]
Werkzeug = ">=2.3"

[[package]]
name = "werkzeug"
version = "2.3.8"
files = []

[[package]]
name = "own"
version = "0.3"
files = []
[package.source]
type = "git"
url = "https://g.example.com/own.git"
reference = "main"
resolved_reference = "abc"

[metadata]
lock-version = "2.1"
python-versions = "^3.11"
"""


def test_a_poetry_lock_gives_pins_and_guesses_its_roots() -> None:
    found = read("poetry.lock", POETRY_LOCK)

    assert pins(found) == {"flask": "2.3.3", "werkzeug": "2.3.8"}
    assert found.dependencies == ["flask", "own"]
    assert not found.has_roots
    assert found.requires_python == ">=3.11,<4"
    assert found.sources["own"][0].rev == "abc"


def test_poetrys_own_table_is_translated() -> None:
    text = """
[tool.poetry.dependencies]
python = ">=3.9,<4"
exact = "1.2.3"
caret = "^0.2.3"
tilde = "~1.4"
star = "*"
both = { version = "^1", extras = ["a"], markers = "sys_platform == 'linux'" }
late = { version = "^4", optional = true }
odd = "^1 || ^3"
[tool.poetry.extras]
more = ["late"]
[tool.poetry.group.dev.dependencies]
pytest = "^7.4"
"""
    found = parse_other_tools("pyproject.toml", text)

    assert found.dependencies == [
        "exact==1.2.3",
        "caret>=0.2.3,<0.3",
        "tilde>=1.4,<1.5",
        "star",
        "both[a]>=1,<2; sys_platform == 'linux'",
    ]
    assert found.extras == {"more": ["late>=4,<5"]}
    assert found.groups == {"dev": ["pytest>=7.4,<8"]}
    assert "odd" in lost(found)


def test_a_pdm_lock_gives_pins_once() -> None:
    text = """
[metadata]
groups = ["default"]
[[metadata.targets]]
requires_python = ">=3.11"
[[package]]
name = "requests"
version = "2.31.0"
dependencies = ["idna<4,>=2.5"]
files = [{ file = "r.whl", hash = "sha256:aa" }]
[[package]]
name = "requests"
version = "2.31.0"
extras = ["socks"]
dependencies = ["requests==2.31.0", "pysocks"]
[[package]]
name = "idna"
version = "3.6"
[[package]]
name = "pysocks"
version = "1.7.1"
"""
    found = read("pdm.lock", text)

    assert pins(found) == {"requests": "2.31.0", "idna": "3.6", "pysocks": "1.7.1"}
    assert len(found.pins) == 3
    assert found.dependencies == ["requests"]


def test_a_pylock_gives_pins_and_places() -> None:
    text = """
lock-version = "1.0"
created-by = "x"
[[packages]]
name = "a"
version = "1.0"
dependencies = [{ name = "b" }]
index = "https://idx.example.com/simple/"
wheels = [{ name = "a.whl", url = "https://f.example.com/a.whl", hashes = { sha256 = "aa" } }]
[[packages]]
name = "b"
version = "2.0"
marker = "sys_platform == 'linux'"
[[packages]]
name = "c"
vcs = { type = "git", url = "https://g.example.com/c", commit-id = "abc" }
"""
    found = read("pylock.gpu.toml", text)

    assert pins(found) == {"a": "1.0", "b": "2.0"}
    assert found.dependencies == ["a", "c"]
    assert found.sources["a"][0].index == found.indexes[0].name
    assert found.sources["c"][0].rev == "abc"


def test_a_pipfile_lock_tells_roots_by_their_index() -> None:
    text = json.dumps(
        {
            "_meta": {"requires": {"python_version": "3.11"}, "sources": []},
            "default": {
                "requests": {"index": "pypi", "version": "==2.31.0", "extras": ["socks"]},
                "idna": {"version": "==3.6"},
                "own": {"git": "https://g.example.com/own", "ref": "v1"},
            },
            "develop": {"pytest": {"index": "pypi", "version": "==7.4.4"}},
        }
    )
    found = read("Pipfile.lock", text)

    assert found.dependencies == ["requests[socks]", "own"]
    assert found.groups == {"dev": ["pytest"]}
    assert pins(found) == {"requests": "2.31.0", "idna": "3.6", "pytest": "7.4.4"}
    assert found.python == "3.11"
    assert found.sources["own"][0].rev == "v1"


def test_requirements_by_hand_stay_where_they_are() -> None:
    found = read("requirements.txt", "flask>=2\n-r more.txt\n", {"more.txt": "rich\n"})

    assert found.requirements == ["requirements.txt"]
    assert found.dependencies == []


def test_requirements_with_index_lines_move_into_the_manifest() -> None:
    text = "--extra-index-url https://u:secret@i.example.com/simple\n-f ./wheels\nflask>=2\n${X}\n"
    found = read("requirements.txt", text)

    assert found.dependencies == ["flask>=2"]
    assert [(one.url, one.format) for one in found.indexes] == [
        ("https://i.example.com/simple", "simple"),
        ("./wheels", "flat"),
    ]
    assert "secret" not in repr(found)
    assert "${X}" in lost(found)


COMPILED = """\
#
# This file is autogenerated by pip-compile with Python 3.11
#
certifi==2024.2.2 \\
    --hash=sha256:aa
    # via requests
flask==2.3.3 \\
    --hash=sha256:bb
    # via -r requirements.in
requests==2.31.0 \\
    --hash=sha256:cc
    # via
    #   -r requirements.in
    #   other
"""


def test_compiled_requirements_give_back_their_roots() -> None:
    alone = read("requirements.txt", COMPILED)
    beside = read("requirements.txt", COMPILED, {"requirements.in": "flask\nrequests>=2\n"})

    assert alone.dependencies == ["flask", "requests"]
    assert beside.requirements == ["requirements.in"]
    assert beside.dependencies == []
    for found in (alone, beside):
        assert pins(found) == {"certifi": "2024.2.2", "flask": "2.3.3", "requests": "2.31.0"}


PIP_COMPILED = """
# This file was autogenerated by pip-compile
--find-links /opt/wheels
httpx[http2]==0.28.1 \\
    --hash=sha256:aa
    # via -r requirements.in
numpy==2.2.6
    # via
    #   -c constraints.txt
    #   pandas
pandas==3.1.1 ; sys_platform == "linux"
    # via -r requirements.in
rich==15.0.0
    # via -r more.in
"""


def test_compiled_requirements_stay_what_their_source_asked_where_that_is_there() -> None:
    beside = {
        "requirements.in": "-c constraints.txt\nhttpx[http2]>=0.27\npandas>=2.1\n-r more.in\n",
        "more.in": "rich\n",
        "constraints.txt": "numpy<2.3\n",
    }

    found = read("requirements.txt", PIP_COMPILED, beside)

    assert found.requirements == ["requirements.in"]
    assert set(found.also_read) == {"requirements.in", "more.in", "constraints.txt"}
    assert found.dependencies == []
    assert pins(found)["numpy"] == "2.2.6"
    assert [(one.url, one.format) for one in found.indexes] == [("file:///opt/wheels", "flat")]


def test_the_lines_of_a_source_with_indexes_move_into_the_manifest() -> None:
    beside = {
        "requirements.in": "-i https://idx.example.com/simple\n-c constraints.txt\nhttpx>=0.27\n",
        "more.in": "rich>=13\n",
        "constraints.txt": "numpy<2.3\n",
    }

    found = read("requirements.txt", PIP_COMPILED, beside)

    assert found.dependencies == ["httpx>=0.27"]
    assert found.requirements == ["more.in"]
    assert found.constraints == ["numpy<2.3"]


def test_who_only_limits_a_package_does_not_ask_for_it() -> None:
    found = read("requirements.txt", PIP_COMPILED)

    assert found.dependencies == ["httpx[http2]", "pandas", "rich"]


def test_what_is_no_address_of_an_index_is_listed_and_does_not_reach_the_manifest() -> None:
    found = read("requirements.txt", "--extra-index-url ftp://idx.example.com/\nnumpy\n")

    assert found.indexes == []
    assert "ftp://idx.example.com" in lost(found)


def test_paths_of_a_lock_in_another_folder_are_those_from_the_project() -> None:
    text = """
version = 1
[[package]]
name = "core"
version = "1.0"
source = { editable = "packages/core" }
"""

    found = read("../../uv.lock", text)

    (rule,) = found.sources["core"]
    assert rule.path == "../../packages/core"


def test_a_member_of_a_workspace_is_lost_only_where_no_file_tells_its_folder() -> None:
    text = "[tool.uv.sources]\ncore = { workspace = true }\n"
    alone, beside = (parse_other_tools("pyproject.toml", text) for _ in range(2))
    lock = '[[package]]\nname = "core"\nversion = "1"\nsource = { editable = "core" }\n'
    beside.join(read("uv.lock", lock))

    assert [one.what for one in alone.lost()] == ["core of the workspace"]
    assert beside.lost() == []


def test_an_apt_list_is_read_line_by_line() -> None:
    found = read("apt.txt", "ffmpeg  # video\ngit curl\nlibgl1 (>= 1)\n-bad\n")

    assert found.system_packages == ["ffmpeg", "git", "curl", "libgl1 (>= 1)"]
    assert "-bad" in lost(found)


def test_an_environment_of_condas_becomes_packages_of_both_worlds() -> None:
    text = """
name: x
channels: [conda-forge, bioconda]
dependencies:
  - python=3.11
  - numpy=1.26
  - pytorch::pytorch>=2.1,<2.4
  - cudatoolkit=11.8
  - ffmpeg
  - pip:
    - requests==2.31.0
    - -r more.txt
variables: {A: "1"}
"""
    found = read("environment.yml", text, {"more.txt": "rich\n"})

    assert found.python == "3.11"
    assert found.dependencies == ["numpy==1.26.*", "torch>=2.1,<2.4", "requests==2.31.0", "rich"]
    assert found.system_packages == ["ffmpeg"]
    assert found.image == {"env": {"A": "1"}}
    assert "bioconda" in lost(found)
    assert "cudatoolkit" in lost(found)


def test_an_exported_environment_has_pins() -> None:
    found = read("environment.yml", "dependencies:\n  - numpy=1.26.4=py311_0\n  - zlib=1.2=h_1\n")

    assert found.dependencies == ["numpy"]
    assert pins(found) == {"numpy": "1.26.4"}


DOCKERFILE = """\
ARG PY=3.11
FROM python:${PY}-slim-trixie AS base
ENV PIP_NO_CACHE_DIR=1 APP=prod
RUN apt-get update && apt-get install -y --no-install-recommends \\
      ffmpeg \\
      # a comment
      libgl1=1.6.0-1 && rm -rf /var/lib/apt/lists/*
COPY . /srv
RUN pip install --no-cache-dir -r requirements.txt && \\
    pip install "torch==2.3.1" --index-url https://i.example.com/cpu; python3 -m pip install ./x.whl
RUN <<EOF
apt-get install -y git
make install
EOF
FROM base
EXPOSE 8080 $PORT
USER app
CMD ["gunicorn", "app:app"]
"""


def test_a_dockerfile_gives_its_apt_and_pip_lines_and_its_settings() -> None:
    found = read("Dockerfile", DOCKERFILE, {"requirements.txt": "flask\n"})

    assert (found.python, found.distribution, found.suite) == ("3.11", "debian", "trixie")
    assert found.system_packages == ["ffmpeg", "libgl1=1.6.0-1", "git"]
    assert found.requirements == ["requirements.txt"]
    assert "torch==2.3.1" in found.dependencies
    assert found.sources["torch"][0].index == "cpu"
    assert found.indexes[0].explicit
    assert found.image == {
        "env": {"APP": "prod"},
        "ports": ("8080",),
        "user": "app",
        "cmd": ("gunicorn", "app:app"),
    }
    assert "make install" in lost(found)
    assert "$PORT" in lost(found)


ENVD = """\
# syntax=v1
PACKAGES = ["numpy"]


def extra():
    install.apt_packages(name=["htop"])


def build():
    base(image="ubuntu:22.04", dev=True)
    install.python(version="3.10")
    install.python_packages(name=["torch --extra-index-url https://i.example.com/cu116", "rich"])
    install.python_packages(PACKAGES)
    install.python_packages(requirements="requirements.txt")
    extra()
    install.cuda(version="11.2.2", cudnn="8")
    runtime.expose(envd_port=8000, host_port=8000, service="sd")
    runtime.environ(env={"MODE": "dev"})
    run(commands=["make"])
    other.tensorboard(8888)
    if True:
        shell("zsh")


def serving():
    io.copy("server.py", "/")
"""


def test_a_build_of_envds_is_read_without_running_it() -> None:
    found = read("build.envd", ENVD, {"requirements.txt": "flask\n"})

    assert found.dependencies == ["torch", "rich", "numpy"]
    assert found.requirements == ["requirements.txt"]
    assert found.sources["torch"][0].index == "cu116"
    assert (found.distribution, found.suite, found.python) == ("ubuntu", "jammy", "3.10")
    assert found.system_packages == ["htop"]
    assert found.image == {"ports": ("8000",), "env": {"MODE": "dev"}}
    for word in ("CUDA 11.2.2", "run: make", "other.tensorboard", "if True", "function serving"):
        assert word in lost(found)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("environment.yml", "a: &a [x]\nb: *a\n"),
        ("environment.yml", "[" * 200 + "]" * 200),
        ("environment.yml", "dependencies: {a: 1"),
        ("environment.yml", "- a\n"),
        ("environment.yml", "x" * 2_000_000),
        ("environment.yml", "\x00"),
        ("build.envd", "def build(): " + "(" * 5000),
        ("build.envd", "def build():\n    x(" + "-" * 100_000 + "1)\n"),
        ("build.envd", "x = 1\n"),
        ("build.envd", "\x00def build(): pass"),
        ("Pipfile.lock", "[" * 100_000),
        ("Pipfile.lock", "[]"),
        ("Pipfile.lock", '{"default": 3}'),
        ("uv.lock", "package = 3"),
        ("uv.lock", "[[package]]\nname = 3\n"),
        ("poetry.lock", "not toml"),
        ("pylock.toml", "packages = [1]"),
        ("strange.bin", ""),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_name(file: str, text: str) -> None:
    with pytest.raises(InputError) as refused:
        read(file, text)

    assert file in str(refused.value)


def test_nothing_of_a_hostile_file_reaches_a_manifest() -> None:
    text = 'FROM x\nUSER "$(id)"\nENV 1A=b "C D"=e\nEXPOSE 99999\nRUN pip install "a b" \'x;\' ok\n'
    found = read("Dockerfile", text)

    assert found.dependencies == ["ok"]
    assert "user" not in found.image
    assert "ports" not in found.image
    assert found.image.get("env", {}) == {}


def test_files_are_known_by_the_names_that_their_tools_give() -> None:
    names = {
        "uv.lock": "uv.lock",
        "pylock.gpu.toml": "pylock.toml",
        "envs/environment-gpu.yaml": "environment.yml",
        "Dockerfile.gpu": "Dockerfile",
        "requirements/dev.txt": "requirements.txt",
        "packages.txt": "apt.txt",
        "build.envd": "build.envd",
        "main.py": None,
    }

    assert {name: kind_of_file(name) for name in names} == names

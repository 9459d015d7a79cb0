from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[3]


def script() -> ModuleType:
    path = ROOT / "scripts" / "refresh_cuda_components.py"
    spec = importlib.util.spec_from_file_location("refresh_cuda_components", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def table() -> dict[str, object]:
    path = ROOT / "lockenv" / "tables" / "data" / "cuda-components.json"
    loaded = json.loads(path.read_text())
    assert isinstance(loaded, dict)
    return loaded


REQUIRES = [
    'nvidia-cuda-runtime==13.6.20.* ; extra == "all"',
    'nvidia-nvjitlink>=13.6.20,<14 ; extra == "all"',
    'nvidia-cuda-runtime ; extra == "cudart"',
]


def test_the_shipped_table_is_written_as_the_script_would() -> None:
    path = ROOT / "lockenv" / "tables" / "data" / "cuda-components.json"

    assert script().render(table()) == path.read_text()


def test_a_new_release_and_its_components_need_data_and_no_code() -> None:
    refresh, before = script(), table()
    release = refresh.parse_release("13.6.0", "2027-01-15", REQUIRES)
    seen = {
        "nvidia-cuda-runtime": [
            refresh.Seen(version="13.6.20", platforms="LA", uploaded="2027-01-10")
        ]
    }

    changes = refresh.merge(before, [release], seen)

    assert changes == [
        "new release 13.6.0",
        "new version nvidia-cuda-runtime 13.6.20 (13.6.0)",
    ]
    assert refresh.merge(before, [release], seen) == []


def test_a_version_that_no_release_pins_stands_between_two() -> None:
    refresh, before = script(), table()
    seen = {
        "nvidia-cublas": [refresh.Seen(version="13.1.9.9", platforms="LA", uploaded="2026-01-01")]
    }

    refresh.merge(before, [], seen)

    packages = before["packages"]
    assert isinstance(packages, dict)
    row = packages["nvidia-cublas"]["13.1.9.9"]
    assert (row["cuda"], row["after"], row["before"]) == ([], "13.0.3.0", "13.1.0")


def test_wheel_names_say_the_platforms() -> None:
    names = [
        "a-1-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "a-1-py3-none-manylinux_2_27_aarch64.whl",
        "a-1-py3-none-win_amd64.whl",
    ]

    assert script().platforms_of(names) == "LAW"

from __future__ import annotations

from dataclasses import replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lockenv.lockfile import Scope, asked_lines, image_requests, request
from lockenv.model import (
    PLATFORMS,
    Ask,
    Cuda,
    Environment,
    Image,
    Index,
    Manifest,
    Origin,
    SourceRule,
    System,
    SystemPackage,
    Target,
    TargetTable,
)

HERE = Origin("pyproject.toml", ("tool", "lockenv"))


def _asks(*texts: str) -> tuple[Ask, ...]:
    return tuple(Ask(Requirement(text), HERE) for text in texts)


def _scope(platform: str = "linux-x86_64", environment: str = "") -> Scope:
    cell = Target(
        name="gpu",
        platform=PLATFORMS[platform],
        python="3.11.7",
        level="2.28",
        table="gpu",
        environment=environment,
    )
    return Scope(target=cell, python="3.11")


MANIFEST = Manifest(
    file="pyproject.toml",
    files={},
    target_tables={"gpu": TargetTable(name="gpu", platform="linux-x86_64", origin=HERE)},
    targets=("gpu",),
)


def test_meaning_counts_and_spelling_does_not() -> None:
    one = replace(MANIFEST, dependencies=_asks("Requests [socks] >=2, <3", "a"))
    two = replace(MANIFEST, dependencies=_asks("a", "requests[socks]<3,>=2"))

    assert request(one, _scope()) == request(two, _scope())
    assert "requirement project requests[socks]<3,>=2" in request(one, _scope())


def test_markers_are_evaluated_for_the_target() -> None:
    manifest = replace(
        MANIFEST,
        dependencies=_asks("a; sys_platform == 'linux'", "b; sys_platform == 'win32'"),
        constraints=_asks("c<2; python_version < '3.11'"),
    )
    lines = request(manifest, _scope())

    assert "requirement project a" in lines
    assert not any(" b" in line or " c" in line for line in lines)


def test_groups_of_an_environment_are_asked_in_its_cell_alone() -> None:
    manifest = replace(
        MANIFEST,
        groups={"dev": _asks("x"), "docs": _asks("y")},
        environments={"docs": Environment(name="docs", groups=("docs",))},
    )
    common, apart = request(manifest, _scope()), request(manifest, _scope(environment="docs"))

    assert "requirement group:dev x" in common
    assert "requirement group:docs y" not in common
    assert "requirement group:docs y" in apart
    assert "environment docs group:docs" in apart


def test_indexes_keep_their_order_and_lose_credentials() -> None:
    manifest = replace(
        MANIFEST,
        indexes=(
            Index(name="zed", url="https://user:word@one.example.com/simple/", explicit=True),
            Index(name="own", url="https://two.example.com/simple/", default=True, format="flat"),
        ),
        sources={"torch": (SourceRule(package="torch", index="zed", origin=HERE),)},
    )
    lines = request(manifest, _scope())

    assert "index 01 zed https://one.example.com/simple/ explicit" in lines
    assert "index 02 own https://two.example.com/simple/ flat" in lines
    assert "source torch index=zed" in lines
    assert not any("word" in line for line in lines)


def test_layers_below_are_asked_only_where_they_can_be() -> None:
    manifest = replace(
        MANIFEST,
        system=System(
            suite="bookworm",
            packages=(SystemPackage(relation="libgl1  (>=1)", origin=HERE),),
            origin=HERE,
        ),
        cuda=Cuda(driver="535", gpus=("H100", "A100"), forward_compat=False, origin=HERE),
        requires_python=SpecifierSet(">=3.9"),
    )
    linux, macos = request(manifest, _scope()), request(manifest, _scope("macos-arm64"))

    assert "system package libgl1 (>= 1)" in linux
    assert {"cuda driver 535", "cuda forward-compat no", "cuda gpus A100,H100"} <= set(linux)
    assert "requires-python >=3.9" in macos
    assert not any(line.startswith(("system", "cuda")) for line in macos)


def test_a_target_takes_its_own_cuda_keys_over_the_common_ones() -> None:
    table = TargetTable(
        name="gpu", platform="linux-x86_64", cuda=Cuda(driver="570", origin=HERE), origin=HERE
    )
    manifest = replace(
        MANIFEST,
        target_tables={"gpu": table},
        cuda=Cuda(driver="535", toolkit="12.8", origin=HERE),
    )
    lines = request(manifest, _scope())

    assert "cuda driver 570" in lines
    assert "cuda toolkit 12.8" in lines
    assert "cuda driver 535" not in lines
    refused = replace(table, cuda=False)
    assert "cuda refuse yes" in request(replace(manifest, target_tables={"gpu": refused}), _scope())


def test_every_line_has_its_origin() -> None:
    manifest = replace(MANIFEST, dependencies=_asks("a"), resolution="lowest")

    assert all(item.origin is not None for item in asked_lines(manifest, _scope()))


def test_images_are_stated_with_their_cells() -> None:
    manifest = replace(
        MANIFEST,
        images=(Image(env={"B": "2", "A": "1"}, cmd=("python", "-m", "app"), origin=HERE),),
    )
    (image,) = image_requests(manifest, [_scope().target])

    assert image.targets == ("gpu",)
    assert {"env A=1", "env B=2", 'cmd ["python", "-m", "app"]'} <= set(image.settings)

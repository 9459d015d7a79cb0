from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.nvidia import (
    RedistributableError,
    debian_toolkit,
    parse_apt_package,
    parse_redistributables,
)

DIGEST = "ab" * 32


def archive(path: str, **more: object) -> dict[str, object]:
    return {"relative_path": path, "sha256": DIGEST, "md5": "00", "size": "1234", **more}


def manifest(**components: object) -> bytes:
    return json.dumps(
        {
            "release_date": "2026-05-27",
            "release_label": "13.3.0",
            "release_product": "cuda",
            **components,
        }
    ).encode()


def part(**platforms: object) -> dict[str, object]:
    return {"name": "Part", "license": "CUDA Toolkit", "version": "13.3.33", **platforms}


def test_a_manifest_lists_archives_by_platform_with_sizes_as_text() -> None:
    found = parse_redistributables(
        manifest(cuda_nvcc=part(**{"linux-x86_64": archive("cuda_nvcc/linux-x86_64/a.tar.xz")}))
    )

    listed = found.components["cuda_nvcc"].archive("linux-x86_64")

    assert (found.date, found.label) == ("2026-05-27", "13.3.0")
    assert listed is not None
    assert (listed.relative_path, listed.size) == ("cuda_nvcc/linux-x86_64/a.tar.xz", 1234)
    assert found.components["cuda_nvcc"].archive("linux-sbsa") is None


def test_a_library_has_an_archive_for_each_cuda_major() -> None:
    variants = {"cuda12": archive("c/a_cuda12.tar.xz"), "cuda13": archive("c/a_cuda13.tar.xz")}
    component = part(cuda_variant=["12", "13"], **{"linux-x86_64": variants})
    found = parse_redistributables(manifest(cudnn=component)).components["cudnn"]

    twelve, none = found.archive("linux-x86_64", 12), found.archive("linux-x86_64", 11)

    assert twelve is not None
    assert twelve.relative_path == "c/a_cuda12.tar.xz"
    assert none is None


def test_flat_keys_may_stand_beside_a_variant() -> None:
    both = archive("c/flat.zip", cuda13=archive("c/thirteen.zip"))
    found = parse_redistributables(manifest(cudnn=part(**{"windows-arm64": both})))

    names = [a.relative_path for a in found.components["cudnn"].archives["windows-arm64"]]

    assert names == ["c/flat.zip", "c/thirteen.zip"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        manifest(x=part(**{"linux-x86_64": archive("../../etc/passwd")})),
        manifest(x=part(**{"linux-x86_64": archive("/etc/passwd")})),
        manifest(x=part(**{"linux-x86_64": archive("a", sha256="zz")})),
        manifest(x=part(**{"linux-x86_64": archive("a", size="-1")})),
        manifest(x=part(**{"linux-x86_64": archive("a", size="9" * 40)})),
    ],
)
def test_what_is_no_sound_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(RedistributableError):
        parse_redistributables(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "linux-x86_64", "relative_path", "sha256", "cuda12", "a"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_read_or_refused(document: object) -> None:
    with contextlib.suppress(RedistributableError):
        parse_redistributables(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("name", "version", "part", "major", "toolkit"),
    [
        ("cuda-nvcc-12-9", "12.9.86-1", "cuda-nvcc", 12, "12.9"),
        ("libcublas-dev-13-0", "13.1.0.3-1", "libcublas-dev", 13, "13.0"),
        ("libnccl2", "2.32.3-1+cuda12.9", "libnccl2", 12, "12.9"),
        ("libcudnn9-cuda-12", "9.10.2.21-1", "libcudnn9", 12, None),
        ("libcudnn9-dev-cuda-13", "9.15.0.57-1", "libcudnn9-dev", 13, None),
    ],
)
def test_names_and_versions_of_the_vendor_say_the_cuda(
    name: str, version: str, part: str, major: int, toolkit: str | None
) -> None:
    facts = parse_apt_package(name, version)

    assert facts is not None
    assert (facts.part, facts.major, facts.toolkit) == (part, major, toolkit)


@pytest.mark.parametrize(
    ("name", "version"),
    [("libc6", "2.36-9"), ("linux-image-6-12", "6.12-1"), ("python3-11-1", "1"), ("cuda-x", "1")],
)
def test_other_names_say_nothing(name: str, version: str) -> None:
    assert parse_apt_package(name, version) is None


@pytest.mark.parametrize(
    ("name", "version", "release"),
    [
        ("nvidia-cuda-toolkit", "12.4.131~12.4.1-2", "12.4.1"),
        ("nvidia-cuda-toolkit", "11.8.89~11.8.0-5~deb12u1", "11.8.0"),
        ("nvidia-cuda-toolkit", "11.5.1-1ubuntu1", "11.5.1"),
        ("cuda-toolkit-13-1", "13.1.1-0ubuntu1", "13.1.1"),
        ("libc6", "2.36-9", None),
    ],
)
def test_the_distributions_own_toolkits_say_their_release(
    name: str, version: str, release: str | None
) -> None:
    assert debian_toolkit(name, version) == release

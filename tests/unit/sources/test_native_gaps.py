"""What wheels need of the system: what is loaded at an import, less what wheels bring."""

from __future__ import annotations

from lockenv.sources.native import Library, WheelContent, WheelLibraries, find_needs


def _wheel(
    package: str,
    *libraries: Library,
    unread: tuple[str, ...] = (),
    opened: tuple[str, ...] = (),
) -> WheelContent:
    return WheelContent(
        package=package,
        version="1.0",
        file=f"{package}-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        libraries=WheelLibraries(libraries=libraries, unread=unread),
        opened=opened,
    )


def _needs(*wheels: WheelContent) -> list[tuple[str, str]]:
    return [(need.package, need.soname) for need in find_needs(wheels)]


def test_a_library_that_no_wheel_brings_is_needed_of_the_system() -> None:
    wheel = _wheel("cv", Library(path="cv/cv.abi3.so", needed=("libGL.so.1", "libc.so.6")))

    assert _needs(wheel) == [("cv", "libGL.so.1"), ("cv", "libc.so.6")]


def test_a_wheel_serves_itself_by_file_name_and_by_soname() -> None:
    wheel = _wheel(
        "cv",
        Library(path="cv/cv.abi3.so", needed=("libone-1a2b.so.3", "libtwo.so.2")),
        Library(path="cv.libs/libone-1a2b.so.3"),
        Library(path="cv.libs/other-name.so", soname="libtwo.so.2"),
    )

    assert _needs(wheel) == []


def test_other_wheels_serve_too_even_by_libraries_that_were_not_read() -> None:
    vision = _wheel("vision", Library(path="vision/_C.so", needed=("libtorch.so", "libc10.so")))
    torch = _wheel("torch", Library(path="torch/lib/libc10.so"), unread=("torch/lib/libtorch.so",))

    assert _needs(vision, torch) == []


def test_what_bundled_libraries_need_in_turn_is_needed() -> None:
    wheel = _wheel(
        "cv",
        Library(path="cv/cv.abi3.so", needed=("libgui.so",)),
        Library(path="cv.libs/libgui.so", needed=("libGL.so.1",)),
    )

    assert _needs(wheel) == [("cv", "libGL.so.1")]


def test_a_bundled_library_counts_although_who_needs_it_was_too_large_to_read() -> None:
    wheel = _wheel(
        "cv",
        Library(path="cv.libs/libgui.so", needed=("libGL.so.1",)),
        unread=("cv/cv.abi3.so",),
    )

    assert _needs(wheel) == [("cv", "libGL.so.1")]


def test_what_only_plugins_need_is_not_asked_for() -> None:
    wheel = _wheel(
        "qt",
        Library(path="qt/plugins/platforms/libqxcb.so", needed=("libXcbQpa.so", "libSM.so.6")),
        Library(path="qt.libs/libXcbQpa.so", needed=("libX11.so.6",)),
        Library(path="qt/core.abi3.so", needed=("libCore.so",)),
        Library(path="qt.libs/libCore.so", needed=("libglib-2.0.so.0",)),
    )

    assert _needs(wheel) == [("qt", "libglib-2.0.so.0")]


def test_libraries_that_need_each_other_end_the_walk() -> None:
    wheel = _wheel(
        "ring",
        Library(path="ring/_ring.so", needed=("liba.so",)),
        Library(path="ring.libs/liba.so", needed=("libb.so",)),
        Library(path="ring.libs/libb.so", needed=("liba.so", "libz.so.1")),
    )

    assert _needs(wheel) == [("ring", "libz.so.1")]


def test_what_code_opens_by_name_is_needed_without_any_file() -> None:
    assert _needs(_wheel("sound", opened=("libportaudio.so.2",))) == [
        ("sound", "libportaudio.so.2")
    ]


def test_a_needed_path_is_not_searched_for() -> None:
    assert _needs(_wheel("odd", Library(path="odd/_odd.so", needed=("/opt/x/liby.so",)))) == []


def test_the_first_library_that_needs_it_is_named() -> None:
    wheel = _wheel(
        "two",
        Library(path="two/b.so", needed=("libGL.so.1",)),
        Library(path="two/a.so", needed=("libGL.so.1",)),
    )

    (need,) = find_needs([wheel])

    assert need.path == "two/a.so"

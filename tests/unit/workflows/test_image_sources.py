"""What an image tells apt of the archives that its packages came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import replace
from lockenv.workflows.imaging.plan import apt_sources
from lockenv.workflows.opened import Opened
from tests.support.locks import small_lock

if TYPE_CHECKING:
    from pathlib import Path


def test_an_image_without_certificates_reaches_the_archive_without_tls(tmp_path: Path) -> None:
    lock = small_lock()
    opened = Opened(root=tmp_path, lock=lock, manifest=None)
    target = lock.system_archives[0].targets[0]
    plain = lock.system_packages
    bundle = replace(plain[0], name="ca-certificates")

    without = apt_sources(opened, target, plain)
    with_bundle = apt_sources(opened, target, [*plain, bundle])

    assert "URIs: http://debian.example.com/debian/" in without
    assert "URIs: https://debian.example.com/debian/" in with_bundle
    assert "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" in without

"""The public addresses that lockenv knows by itself; every other address comes from the user."""

#: The default Python index (Simple repository API).
PYTHON_INDEX = "https://pypi.org/simple/"
#: Where the default index keeps its files; canonical even on a mirror.
PYTHON_FILES = "https://files.pythonhosted.org/"
#: Indexes whose files are known to vanish: nightly builds, and an index that is pruned.
DROPPING_INDEXES = (
    "https://download.pytorch.org/whl/nightly/",
    "https://pypi.anaconda.org/scientific-python-nightly-wheels/",
    "https://pypi.anaconda.org/rapidsai-wheels-nightly/",
    "https://test.pypi.org/",
)
#: Indexes that are known to keep files elsewhere, and where: what the CUDA builds of torch
#: need is NVIDIA's, and linked to on NVIDIA's own index.
FILES_ELSEWHERE = {
    "https://download.pytorch.org/": ("https://pypi.nvidia.com/", PYTHON_FILES),
}
#: Domains below which strangers are neighbours: one name there says nothing of another.
SHARED_DOMAINS = frozenset(
    {
        *("amazonaws.com", "azureedge.net", "azurewebsites.net", "cloudfront.net", "github.io"),
        *("gitlab.io", "googleapis.com", "googleusercontent.com", "herokuapp.com", "hf.space"),
        *("netlify.app", "pages.dev", "pkg.dev", "r2.dev", "readthedocs.io", "vercel.app"),
        *("web.app", "windows.net", "workers.dev"),
    }
)
#: python-build-standalone: release downloads, and the listing that the refresh script reads.
PYTHON_BUILDS = "https://github.com/astral-sh/python-build-standalone/releases/download/"
PYTHON_BUILDS_LISTING = "https://api.github.com/repos/astral-sh/python-build-standalone/releases"
#: Debian: the live archives, and the snapshot service (machine-usable by time and by hash).
DEBIAN = "https://deb.debian.org/debian/"
DEBIAN_SECURITY = "https://deb.debian.org/debian-security/"
DEBIAN_SNAPSHOT = "https://snapshot.debian.org/"
#: Ubuntu: the archives by architecture kind, and its snapshot service.
UBUNTU = "https://archive.ubuntu.com/ubuntu/"
UBUNTU_PORTS = "https://ports.ubuntu.com/ubuntu-ports/"
UBUNTU_SNAPSHOT = "https://snapshot.ubuntu.com/ubuntu/"
#: NVIDIA: redistributables, and the base of its flat apt repositories.
NVIDIA_REDISTRIBUTABLES = "https://developer.download.nvidia.com/compute/"
NVIDIA_APT = "https://developer.download.nvidia.com/compute/cuda/repos/"
#: The registry that an image reference without a host means.
CONTAINER_REGISTRY = "registry-1.docker.io"
#: The name under which Docker keeps the login for that registry.
CONTAINER_REGISTRY_LOGIN = "https://index.docker.io/v1/"
#: What `image --builder` starts from in another engine's container: Python on Linux, no more.
BUILDER_IMAGE = "docker.io/library/python:3.12-slim-bookworm"
#: Where to report a bug.
ISSUES = "https://github.com/lockenv/lockenv/issues"
#: Where the pages of the finding codes are read: ``LE101.md`` and so on.
FINDING_PAGES = "https://github.com/lockenv/lockenv/blob/main/docs/findings/"
#: The schema that a SARIF log says it answers.
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

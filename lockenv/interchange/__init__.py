"""Other tools' files: pure functions from a lock to their text."""

from lockenv.interchange.compose import render_compose
from lockenv.interchange.cyclonedx import CYCLONEDX_TYPE, render_cyclonedx
from lockenv.interchange.devcontainer import render_devcontainer
from lockenv.interchange.dockerfile import render_dockerfile
from lockenv.interchange.github_matrix import render_github_matrix
from lockenv.interchange.kernelspec import render_kernelspec
from lockenv.interchange.kubernetes import render_kubernetes
from lockenv.interchange.pylock import is_pylock_name, render_pylock
from lockenv.interchange.requirements import render_requirements
from lockenv.interchange.runnable import Option, Runnable
from lockenv.interchange.spdx import SPDX_TYPE, render_spdx

__all__ = [
    "CYCLONEDX_TYPE",
    "SPDX_TYPE",
    "Option",
    "Runnable",
    "is_pylock_name",
    "render_compose",
    "render_cyclonedx",
    "render_devcontainer",
    "render_dockerfile",
    "render_github_matrix",
    "render_kernelspec",
    "render_kubernetes",
    "render_pylock",
    "render_requirements",
    "render_spdx",
]

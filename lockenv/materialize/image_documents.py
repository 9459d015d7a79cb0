"""An image's config and manifest, from its plan and layers; pure.

On a base image the config is inherited as a Dockerfile's ``FROM`` does it: what the manifest says
wins, ``PATH`` is put before the base's, an own entry point takes the base's command away.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lockenv.formats.oci import (
    CONFIG_TYPE,
    Descriptor,
    ImageConfig,
    Manifest,
    describe,
    render_config,
    render_manifest,
)
from lockenv.materialize.image_base import base_config
from lockenv.materialize.image_plan import VENV_PREFIX
from lockenv.materialize.image_toolkit import TOOLKIT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.materialize.image_plan import BuiltLayer, ImagePlan

_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOTHING = ImageConfig(architecture="", created="", diff_ids=())


def image_documents(plan: ImagePlan, layers: Sequence[BuiltLayer]) -> tuple[bytes, bytes]:
    """The config and the manifest."""
    config = render_config(_config(plan, layers))
    manifest = Manifest(
        config=describe(CONFIG_TYPE, config),
        layers=tuple(
            Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size)
            for layer in layers
        ),
        annotations=plan.settings.annotations,
    )
    return config, render_manifest(manifest)


def _config(plan: ImagePlan, layers: Sequence[BuiltLayer]) -> ImageConfig:
    settings = plan.settings
    base = base_config(plan.base) if plan.base else _NOTHING
    entrypoint = (*settings.before, *(settings.entrypoint or base.entrypoint))
    command = settings.cmd or (() if settings.entrypoint else base.cmd)
    if not (settings.entrypoint or base.entrypoint or command):
        command = ("/bin/sh",)
    env = _environment(plan, base)
    return ImageConfig(
        architecture=plan.architecture,
        variant="v8" if plan.architecture == "arm64" else "",
        created=datetime.fromtimestamp(plan.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        diff_ids=tuple(layer.diff_id for layer in layers),
        history=tuple(layer.name for layer in layers),
        env=tuple(f"{name}={value}" for name, value in sorted(env.items())),
        entrypoint=entrypoint,
        cmd=command,
        user=settings.user,
        workdir=settings.workdir,
        ports=tuple(sorted({*base.ports, *settings.ports})),
        labels={**base.labels, **settings.labels},
        volumes=base.volumes,
        stop_signal=base.stop_signal,
    )


def _environment(plan: ImagePlan, base: ImageConfig) -> dict[str, str]:
    env = {"LANG": "C.UTF-8"} | dict(line.partition("=")[::2] for line in base.env)
    env.setdefault("PATH", _SEARCH)
    if plan.python is not None:
        env["PATH"] = f"/{VENV_PREFIX}/bin:{env['PATH']}"
        env["VIRTUAL_ENV"] = f"/{VENV_PREFIX}"
    if plan.toolkit:
        env["CUDA_HOME"] = f"/{TOOLKIT_PREFIX}"
        env["PATH"] = f"{env['PATH']}:/{TOOLKIT_PREFIX}/bin"
    return {**env, **plan.settings.env}

"""``lockenv image``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv image                              # into the store; prints the digest
  lockenv image --output app.tar --format docker
  lockenv image --push registry.example.com/team/app:1.2
  lockenv image --check
"""
)
@click.argument("name", required=False)
@click.option("--target", "targets", multiple=True, help="The target; several make one index.")
@click.option("--output", metavar="DIR|FILE.tar", help="Write the image there.")
@click.option("--push", metavar="REF", help="Push the image to a registry.")
@click.option(
    "--format", "form", type=click.Choice(["oci", "docker"]), default="oci", show_default=True
)
@click.option(
    "--compression",
    type=click.Choice(["gzip", "zstd", "none"]),
    help="Of the layers [default: gzip].",
)
@click.option("--load", is_flag=True, help="Load the image into Docker or Podman.")
@click.option(
    "--if-missing", is_flag=True, help="Build only if the recorded image is not there already."
)
@click.option(
    "--builder",
    type=click.Choice(["local", "docker", "podman"]),
    default="local",
    show_default=True,
    help="Build here, or in a container of that engine.",
)
@click.option("--from", "bundle", metavar="BUNDLE", help="Take files from a bundle made by fetch.")
@click.option("--metadata-file", metavar="FILE", help="Write digests as JSON.")
@click.option("--record", is_flag=True, help="Write the digests into the lock.")
@click.option("--check", is_flag=True, help="Build again and compare digests.")
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter an option, as click calls it
    invocation: Invocation,
    *,
    name: str | None,
    targets: tuple[str, ...],
    output: str | None,
    push: str | None,
    form: str,
    compression: str | None,
    load: bool,
    if_missing: bool,
    builder: str,
    bundle: str | None,
    metadata_file: str | None,
    record: bool,
    check: bool,
) -> int:
    """Build the OCI image that the lock describes: no daemon, no root, one digest everywhere."""
    from lockenv.workflows.image import image  # noqa: PLC0415 - start-up
    from lockenv.workflows.image_options import ImageOptions  # noqa: PLC0415 - start-up

    options = ImageOptions(
        name=name,
        targets=targets,
        output=output,
        push=push,
        form=form,
        compression=compression,
        load=load,
        if_missing=if_missing,
        builder=builder,
        bundle=bundle,
        metadata_file=metadata_file,
        record=record,
        check=check,
    )
    with open_scene(invocation) as scene:
        outcome = image(scene, options)
    for line in outcome.lines:
        invocation.output.say(line)
    for note in outcome.notes:
        invocation.output.note(note)
    invocation.output.answer(outcome.digest)
    return 0

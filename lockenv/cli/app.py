"""The command line as click reads it: global options, and verbs that load when they run."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from lockenv.cli.declared import Verb
from lockenv.cli.invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lockenv.errors import InputError

#: Every verb with its one line of help, so that ``--help`` imports no command.
COMMANDS = {
    "init": "Write a manifest with explicit targets.",
    "add": "Add requirements to the manifest, then lock and sync.",
    "remove": "Remove requirements from the manifest, then lock and sync.",
    "lock": "Resolve every target and write lockenv.lock.",
    "check": "Say whether manifest, lock and environment still agree.",
    "verify": "Ask the network whether the lock is what it names.",
    "sync": "Make or repair the environment from the lock.",
    "run": "Run a command in the environment.",
    "shell": "Start a shell in the environment.",
    "image": "Build the OCI image that the lock describes.",
    "diff": "Show what changed between two locks.",
    "tree": "Show the locked packages as a tree.",
    "why": "Show what asked for a package.",
    "export": "Write the lock in another tool's format.",
    "import": "Take over what another tool's file asks and pins.",
    "outdated": "Show what could move, and what holds it.",
    "fetch": "Download everything that the lock names.",
    "id": "Print the environment digest.",
    "doctor": "Say what this machine can do.",
    "cache": "Look at the store, and clean it.",
    "merge-driver": "Merge locks by meaning, for git.",
    "completion": "Print a completion script for a shell.",
}


def _note(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def callback(context: click.Context, _: click.Parameter, value: object) -> None:
        if value is None or value is False or value == 0:
            return
        invocation = context.ensure_object(Invocation)
        if name == "quiet":
            invocation.verbosity = -1
        else:
            setattr(invocation, name, value)
        invocation.refresh()

    return callback


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's callback shape
    if value and not context.resilient_parsing:
        from lockenv import __version__  # noqa: PLC0415 - start-up

        click.echo(f"lockenv {__version__}")
        context.exit()


def global_options() -> list[click.Option]:
    """The options that stand before or after the verb; fresh ones, since a command owns its own."""
    return [
        click.Option(
            ["-C", "--directory"],
            metavar="DIR",
            expose_value=False,
            callback=_note("directory"),
            help="Work as if started in DIR.",
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_note("verbosity"),
            help="Say more.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_note("quiet"),
            help="Print answers and errors only.",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            expose_value=False,
            callback=_note("color"),
            help="Colour the output [default: on a terminal].",
        ),
        click.Option(
            ["--offline"],
            is_flag=True,
            expose_value=False,
            callback=_note("offline"),
            help="Use only what the store holds.",
        ),
        click.Option(
            ["--cache-dir"],
            metavar="DIR",
            expose_value=False,
            callback=_note("cache_dir"),
            help="Keep pages and files in DIR.",
        ),
        click.Option(
            ["--config"],
            metavar="FILE",
            expose_value=False,
            callback=_note("config"),
            help="Read this configuration instead of the user's.",
        ),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Print the version and exit.",
        ),
    ]


class Verbs(click.Group):
    """The verbs, each imported when it is run or its help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs in the order of the documentation."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, with the global options after its own."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        # A module cannot be called as a word of the language is.
        file = {"import": "import_"}.get(cmd_name, cmd_name.replace("-", "_"))
        module = importlib.import_module(f"lockenv.cli.commands.{file}")
        found = module.command
        command: click.Command = found.as_click() if isinstance(found, Verb) else found
        taken = {option for parameter in command.params for option in parameter.opts}
        for option in global_options():
            if taken.isdisjoint(option.opts):
                command.params.append(option)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments name; the nearest one is offered for a wrong name."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from lockenv.fields import nearest  # noqa: PLC0415 - only for a mistake

            near = nearest(name, COMMANDS)
            hint = f" Did you mean '{near}'?" if near else ""
            raise click.UsageError(f"No such command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _usage_error(error: click.UsageError) -> InputError:
    """A slip on the command line in the form that all errors have."""
    from lockenv.errors import InputError  # noqa: PLC0415 - only for a mistake

    what, _, hint = error.format_message().partition(". ")
    if not what[1:2].isupper():
        what = what[:1].lower() + what[1:]
    hint = hint.strip("()").rstrip(".")
    name = error.ctx.command_path if error.ctx is not None else "lockenv"
    return InputError(
        "usage",
        what.rstrip("."),
        why=hint[:1].lower() + hint[1:] if hint else (),
        fix=f"{name} --help",
    )


program = Verbs(
    name="lockenv",
    help="""Pin a whole machine-learning environment in one committed file, and make it again.

    \b
    Example:
      lockenv init && lockenv add torch && lockenv run python train.py
    """,
    params=[
        *global_options(),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def run_clicked(arguments: Sequence[str], invocation: Invocation) -> int:
    """Run a command line that click reads; the exit status of contract 5."""
    try:
        result = program.main(
            args=list(arguments), prog_name="lockenv", standalone_mode=False, obj=invocation
        )
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        raise _usage_error(error) from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    return result if isinstance(result, int) else 0

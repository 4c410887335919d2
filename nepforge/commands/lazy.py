"""Commands that are imported when they are called, so that `nepforge --help` starts fast."""

from __future__ import annotations

from importlib import import_module

import rich_click as click

from nepforge.commands.errors import Commands


class LazyCommand(click.RichCommand):
    """One row of the list of commands.

    Args:
        name: What users type.
        summary: The first sentence of its help.
        place: "module:object" below `nepforge.commands`; NAME:NAME when not given.
    """

    def __init__(self, name: str, summary: str, place: str = "") -> None:
        super().__init__(name=name, help=summary)
        self._place = place or f"{name}:{name}"

    def load(self) -> click.Command:
        """The command itself."""
        module, name = self._place.split(":")
        command = getattr(import_module(f"nepforge.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command


class LazyCommands(Commands):
    """A group of lazy commands; the one that is called is imported."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest

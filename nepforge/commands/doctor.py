"""`nepforge doctor`: check this installation."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from nepforge.commands.errors import answer_json, debug_option
from nepforge.commands.options import here, json_option, workspace_option
from nepforge.errors import NepforgeError


@click.command()
@workspace_option
@json_option
@debug_option
def doctor(workspace: Path | None, as_json: bool) -> None:
    """Check this installation: versions, LAMMPS plugin, workspace, MLflow."""
    import attrs

    from nepforge.commands.installation import checks

    found = []
    for look in checks(here(workspace)):
        found.append(look)
        if not as_json:
            click.echo(f"{look.verdict:<8} {look.subject:<10} {look.text}")
    problems = sum(look.verdict == "problem" for look in found)
    if as_json:
        answer_json({"v": 1, "ok": not problems, "checks": [attrs.asdict(look) for look in found]})
    if problems:
        raise NepforgeError(f"{problems} of the checks failed")

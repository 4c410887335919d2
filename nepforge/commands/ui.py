"""`nepforge ui`: MLflow's pages for the runs of a workspace."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import here, workspace_option


@click.command()
@click.option("--port", default=5000, show_default=True, help="TCP port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@workspace_option
@debug_option
def ui(port: int, host: str, workspace: Path | None) -> None:
    """Start the MLflow server for the runs of this workspace."""
    from nepforge.ui.server import refuse_taken_port, server_command

    command = server_command(here(workspace), host, port)
    refuse_taken_port(host, port)
    click.echo(f"MLflow: http://{host}:{port} in about 10 s; Ctrl-C ends it")
    sys.stdout.flush()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.execv(command[0], command)

"""The MLflow server on the store of a workspace."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from nepforge.errors import UsageError
from nepforge.mlflow_mirror.mirror import ARTIFACTS_FOLDER, STORE_FILE
from nepforge.store.workspace import HIDDEN


def server_command(workspace: Path, host: str, port: int) -> list[str]:
    """The command of the server, from this environment and no other.

    Raises:
        UsageError: No run has written to MLflow here.
    """
    hidden = workspace / HIDDEN
    store = hidden / STORE_FILE
    if not store.exists():
        raise UsageError(
            f"{workspace}: no run has written to MLflow here",
            hint="nepforge run RECIPE, or --workspace DIR for another place",
        )
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", f"sqlite:///{store}"),
        *("--artifacts-destination", str(hidden / ARTIFACTS_FOLDER)),
        *("--host", host, "--port", str(port), "--workers", "1"),
    ]


def refuse_taken_port(host: str, port: int) -> None:
    """Report a port in use at once, not after the seconds that MLflow takes to start.

    Raises:
        UsageError: The address cannot be listened on.
    """
    try:
        with socket.create_server((host, port)):
            return
    except OSError as error:
        raise UsageError(
            f"{host}:{port} cannot be used: {error.strerror}",
            hint=f"another server runs there? Try: nepforge ui --port {port + 1}",
        ) from error

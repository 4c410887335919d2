"""Results in remote stores: a folder, memory, and S3 and ssh servers of our own where they run."""

from __future__ import annotations

import getpass
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pytest

from nepforge.engine.preview import explain_stage, plan_run
from nepforge.engine.walk import run
from nepforge.errors import NepforgeError
from nepforge.events import Event, Message, RunFinished
from nepforge.interrupt import StopFlag
from nepforge.store import remote as remote_module
from nepforge.store.artifacts import artifacts_of
from nepforge.store.cache import MANIFEST, Published, _encode_manifest
from nepforge.store.remote import Remote
from nepforge.store.workspace import Workspace, open_workspace

sys.path.append(str(Path(__file__).parents[1]))

from engine_toys import KINDS, run_toy, toy_plan

SSH_SERVER = """
import asyncio, sys, asyncssh

async def serve(settings, folder):
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[f"{settings}/host"],
        authorized_client_keys=f"{settings}/authorized_keys",
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=folder.encode()),
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()

asyncio.run(serve(*sys.argv[1:]))
"""


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The cache of a workspace in which the toys have run."""
    run_toy(tmp_path / "one", toy_plan())
    return tmp_path / "one" / ".nepforge" / "cache"


@pytest.fixture(params=["folder", "file", "memory", "s3", "ssh"])
def address(request: pytest.FixtureRequest, published: Path) -> str:
    """The same cache at an address of each kind."""
    kind: str = request.param
    if kind in ("folder", "file"):
        return f"{'file://' * (kind == 'file')}{published}"
    made: str = request.getfixturevalue(f"{kind}_address")
    return made


@pytest.fixture
def memory_address(published: Path) -> str:
    address = f"memory://{published.parents[1].parent.name}/cache"
    fsspec.filesystem("memory").put(f"{published}/", f"{address}/", recursive=True)
    return address


@pytest.fixture
def s3_address(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server on this machine."""
    for package in ("s3fs", "moto", "flask"):
        pytest.importorskip(package, reason=f"needs {package}: pip install s3fs 'moto[server]'")
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - not everywhere

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    bucket = str(port)
    files.mkdir(bucket)
    files.put(f"{published}/", f"{bucket}/cache/", recursive=True)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield f"s3://{bucket}/cache"
    server.stop()
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def ssh_address(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An ssh server on this machine that serves files, known to a user with a key."""
    pytest.importorskip("sshfs", reason="needs sshfs: pip install sshfs")
    import asyncssh  # noqa: PLC0415 - not everywhere

    host_key, user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    settings = tmp_path / "home" / ".ssh"
    settings.mkdir(parents=True, mode=0o700)
    user_key.write_private_key(str(settings / "id_ed25519"))
    (settings / "id_ed25519").chmod(0o600)
    user_key.write_public_key(str(settings / "authorized_keys"))
    monkeypatch.setenv("HOME", str(settings.parent))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host_key.write_private_key(str(settings / "host"))
    command = [sys.executable, "-c", SSH_SERVER, str(settings), str(published)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        known = host_key.export_public_key().decode()
        (settings / "known_hosts").write_text(f"[127.0.0.1]:{port} {known}")
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}/"
        server.kill()
    fsspec.get_filesystem_class("ssh").clear_instance_cache()


def run_with(root: Path, remote: str) -> tuple[RunFinished, list[str]]:
    """Run the toys with a remote store; what was said meanwhile."""
    events: list[Event] = []
    root.mkdir(parents=True, exist_ok=True)
    finished = run(
        root, toy_plan(), [events.append], command="", stop=StopFlag(), kinds=KINDS, remote=remote
    )
    return finished, [event.text for event in events if isinstance(event, Message)]


def test_every_result_is_fetched_and_none_computed(address: str, tmp_path: Path) -> None:
    """And it is in the cache from then on."""
    finished, said = run_with(tmp_path / "two", address)
    assert said == [f"fetched from {address}"] * 3
    assert (finished.computed, finished.cached) == (0, 3)
    assert run_toy(tmp_path / "two", toy_plan()).computed == 0


def test_plan_names_what_would_be_fetched_and_fetches_nothing(address: str, tmp_path: Path) -> None:
    """Also where the key of a stage depends on the result of one before it."""
    stages = plan_run(tmp_path / "two", toy_plan(steps=11), remote=address, kinds=KINDS)
    assert [stage.remote for stage in stages] == [True, False, False]
    stages = plan_run(tmp_path / "two", toy_plan(), remote=address, kinds=KINDS)
    assert [(stage.cached, stage.remote) for stage in stages] == [(False, True)] * 3
    found = explain_stage(tmp_path / "two", toy_plan(), "train", remote=address, kinds=KINDS)
    assert found.reasons == ("a remote store has it",)
    assert not (tmp_path / "two").exists()


def test_damaged_manifest_is_no_result(published: Path, tmp_path: Path) -> None:
    """The plan does not promise it, the run says so and computes the stage."""
    (manifest, *_) = (
        path / MANIFEST for path in published.glob("*/*") if (path / "model.txt").exists()
    )
    manifest.chmod(0o644)
    manifest.write_bytes(manifest.read_bytes().replace(b'"v": 1', b'"v": 2'))
    stages = plan_run(tmp_path / "two", toy_plan(), remote=str(published), kinds=KINDS)
    assert [stage.remote for stage in stages] == [True, False, False]
    finished, said = run_with(tmp_path / "two", str(published))
    assert finished.computed == 1
    assert "is damaged (manifest.json: other bytes" in said[1]


def test_name_outside_of_a_result_is_refused(published: Path, tmp_path: Path) -> None:
    """A manifest is written by strangers."""
    manifest = next(published.glob("*/*")) / MANIFEST
    key = manifest.parent.name
    found = Remote(str(published)).describe(key, tmp_path)
    assert isinstance(found, Published)
    outside = {"../../outside.txt": next(iter(found.files.values()))}
    manifest.chmod(0o644)
    manifest.write_bytes(
        _encode_manifest(Published(key, tmp_path, found.content, outside, (), 1.0))
    )
    (tmp_path / "scratch").mkdir()
    with pytest.raises(NepforgeError, match=r"outside the result: \.\./\.\./outside\.txt"):
        Remote(str(published)).fetch(key, tmp_path / "scratch")


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [("s3://b/c", "s3fs", "s3"), ("sftp://h/c", "sshfs", "ssh"), ("ssh://h/c", "sshfs", "ssh")],
)
def test_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, package: str, extra: str
) -> None:
    """`plan` ends with it; a run says it once and goes on alone."""
    monkeypatch.setattr(
        remote_module, "find_spec", lambda name: None if name == package else find_spec(name)
    )
    with pytest.raises(NepforgeError, match=f"needs the package {package}") as caught:
        plan_run(tmp_path, toy_plan(), remote=address, kinds=KINDS)
    assert f"pip install 'nepforge[{extra}]'" in caught.value.hint
    finished, (said,) = run_with(tmp_path, address)
    assert finished.computed == 3
    assert f"pip install 'nepforge[{extra}]'" in said


def test_host_with_another_key_is_refused(ssh_address: str, tmp_path: Path) -> None:
    """Whoever sits between could send results of their own."""
    import asyncssh  # noqa: PLC0415 - not everywhere

    known_hosts = tmp_path / "home" / ".ssh" / "known_hosts"
    host = known_hosts.read_text().split()[0]
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known_hosts.write_text(f"{host} {other}")
    with pytest.raises(NepforgeError, match="cannot be read: Host key is not trusted"):
        plan_run(tmp_path, toy_plan(), remote=ssh_address, kinds=KINDS)


@pytest.mark.parametrize("place", ["shared", "remote"])
@pytest.mark.usefixtures("published")
def test_outputs_are_found_in_shared_and_remote_stores(tmp_path: Path, place: str) -> None:
    """After the workspace lost its own; with the recorded bytes, or not at all."""
    one = Workspace((tmp_path / "one").resolve())
    entry = next(one.ledger.entries())
    (one.root / "runs").rename(tmp_path / "lost")
    elsewhere = one.hidden.rename(tmp_path / "elsewhere")
    assert artifacts_of(entry, one).find("train", "model.txt") is None
    remote = {"shared": "", "remote": f"{elsewhere}/cache"}[place]
    space = open_workspace(one.root, elsewhere if place == "shared" else None, remote)
    found = artifacts_of(entry, space)
    model = found.find("train", "model.txt")
    assert model is not None
    assert model.is_relative_to(space.store)
    (report,) = (elsewhere / "cache").rglob("report.txt")
    report.chmod(0o644)
    report.write_text("x")
    assert found.find("report", "plots/report.txt") is None


def test_fetched_before_a_long_run_needs_no_network_after_it(
    published: Path, tmp_path: Path
) -> None:
    """What `reproduce` does before it computes."""
    entry = next(Workspace((tmp_path / "one").resolve()).ledger.entries())
    space = open_workspace(tmp_path / "two", None, str(published))
    found = artifacts_of(entry, space).with_fetched("model.txt")
    published.rename(tmp_path / "unplugged")
    assert found.find("train", "model.txt") is not None
    assert found.find("report", "plots/report.txt") is None

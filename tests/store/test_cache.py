"""The cache: whole or absent, checked on reading, never overwritten."""

from __future__ import annotations

import random
import stat
from pathlib import Path

import pytest

from nepforge.errors import IntegrityError, StageError
from nepforge.plan.stage import key_of
from nepforge.store.cache import Cache, Damage, Published

CONTENT = {"stage": "toy", "version": 1, "table": {"a": 1.5}}
KEY = key_of(CONTENT)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", tmp_path / "quarantine")


def scratch_with(tmp_path: Path, name: str = "scratch", **files: str) -> Path:
    scratch = tmp_path / name
    (scratch / "plots").mkdir(parents=True)
    for file, text in files.items():
        (scratch / file.replace("_", ".")).write_text(text)
    (scratch / "plots" / "curve.png").write_text(name)
    return scratch


def publish(cache: Cache, scratch: Path) -> Published:
    published, conflict = cache.publish(scratch, CONTENT, volatile=("*.png",), seconds=1.5)
    assert conflict is None
    return published


def test_published_result_is_found_again(cache: Cache, tmp_path: Path) -> None:
    """Under its key, with its files, and the scratch folder is gone."""
    scratch = scratch_with(tmp_path, model_txt="42")
    published = publish(cache, scratch)
    assert cache.inspect(KEY) == published
    assert set(published.files) == {"model.txt", "plots/curve.png"}
    assert published.folder == tmp_path / "cache" / KEY[:2] / KEY
    assert not scratch.exists()
    assert cache.inspect("0" * 64) is None


def test_published_result_is_read_only(cache: Cache, tmp_path: Path) -> None:
    """Files and folders, the manifest too."""
    folder = publish(cache, scratch_with(tmp_path, model_txt="42")).folder
    modes = [path.stat().st_mode for path in [folder, *folder.rglob("*")]]
    assert not any(mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) for mode in modes)


@pytest.mark.parametrize("n_bytes", [300, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_changed_byte_is_detected(cache: Cache, tmp_path: Path, n_bytes: int) -> None:
    """Artifacts, manifest, anywhere; of a small file each byte."""
    folder = publish(cache, scratch_with(tmp_path, model_txt="42" * n_bytes)).folder
    generator = random.Random(1)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        good = path.read_bytes()
        path.chmod(0o644)
        for offset in generator.sample(range(len(good)), min(n_bytes, len(good))):
            changed = bytearray(good)
            changed[offset] ^= 1 + offset % 255
            path.write_bytes(changed)
            assert isinstance(cache.inspect(KEY), Damage), (path.name, offset)
        path.write_bytes(good)
    assert isinstance(cache.inspect(KEY), Published)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("missing", "model.txt: missing"),
        ("added", "extra.txt: not in the manifest"),
        ("cut", "model.txt: other bytes"),
        ("link", "model.txt: neither a plain file"),
        ("no manifest", "No such file"),
        ("other key", "belongs to another key"),
    ],
)
def test_damage_is_named(cache: Cache, tmp_path: Path, damage: str, reason: str) -> None:
    """The reason goes into the plan and the warning."""
    folder = publish(cache, scratch_with(tmp_path, model_txt="42")).folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    model = folder / "model.txt"
    key = KEY
    if damage in ("missing", "link"):
        model.unlink()
    if damage == "link":
        model.symlink_to(folder / "manifest.json")
    if damage == "added":
        (folder / "extra.txt").touch()
    if damage == "cut":
        model.write_text("4")
    if damage == "no manifest":
        (folder / "manifest.json").unlink()
    if damage == "other key":
        key = KEY[:2] + "0" * 62
        folder.rename(folder.with_name(key))
    found = cache.inspect(key)
    assert isinstance(found, Damage)
    assert reason in found.reason


def test_damaged_result_is_set_aside_whole(cache: Cache, tmp_path: Path) -> None:
    """Twice, under different names; the address is free again."""
    for _ in range(2):
        folder = publish(cache, scratch_with(tmp_path, model_txt="42")).folder
        (folder / "model.txt").chmod(0o644)
        (folder / "model.txt").write_text("43")
        damage = cache.inspect(KEY)
        assert isinstance(damage, Damage)
        moved = cache.set_aside(damage)
        assert (moved / "model.txt").read_text() == "43"
        assert cache.inspect(KEY) is None
    assert len(list((tmp_path / "quarantine").iterdir())) == 2


def test_second_build_with_the_same_bytes_yields(cache: Cache, tmp_path: Path) -> None:
    """The first stays; volatile files may differ."""
    first = publish(cache, scratch_with(tmp_path, "first", model_txt="42"))
    second = publish(cache, scratch_with(tmp_path, "second", model_txt="42"))
    assert second == first
    assert (first.folder / "plots" / "curve.png").read_text() == "first"
    assert not (tmp_path / "second").exists()


def test_second_build_with_other_bytes_is_kept_beside(cache: Cache, tmp_path: Path) -> None:
    """Both are there, the first is what the key gives, the files are named."""
    first = publish(cache, scratch_with(tmp_path, "first", model_txt="42"))
    for name in ("second", "third"):
        scratch = scratch_with(tmp_path, name, model_txt="43", extra_txt="")
        found, conflict = cache.publish(scratch, CONTENT, volatile=("*.png",), seconds=1.5)
        assert found == first
        assert conflict is not None
        assert set(conflict.files) == {"model.txt", "extra.txt"}
        assert (conflict.folder / "model.txt").read_text() == "43"
    assert cache.inspect(KEY) == first


def test_damaged_folder_at_the_address_is_not_overwritten(cache: Cache, tmp_path: Path) -> None:
    """Publishing onto it is an integrity error."""
    cache.path(KEY).mkdir(parents=True)
    (cache.path(KEY) / "model.txt").write_text("who am I")
    with pytest.raises(IntegrityError, match="damaged result"):
        publish(cache, scratch_with(tmp_path, model_txt="42"))


def test_only_plain_files_are_published(cache: Cache, tmp_path: Path) -> None:
    """A link would point out of the cache; the name of the manifest is taken."""
    scratch = scratch_with(tmp_path, model_txt="42")
    (scratch / "link").symlink_to("model.txt")
    with pytest.raises(StageError, match="link: neither a plain file nor a folder"):
        publish(cache, scratch)
    with pytest.raises(StageError, match="reserved for the cache"):
        publish(cache, scratch_with(tmp_path, "other", manifest_json="{}"))

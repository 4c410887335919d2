"""The engine on a line of toy stages."""

from __future__ import annotations

import json
import platform
import shutil
import signal
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from nepforge.engine.preview import plan_run
from nepforge.engine.state import KEPT_ENDS
from nepforge.errors import (
    DataMissingError,
    InterruptedRunError,
    LockTimeoutError,
    NepforgeError,
    StageError,
)
from nepforge.events import Event, Message, PlannedStage, RunFinished, StageFinished, StageStarted
from nepforge.interrupt import StopFlag
from nepforge.ledger.audit import audit, read_head
from nepforge.ledger.entry import Entry
from nepforge.plan.stage import Input, Stage
from nepforge.shared_disk.locks import hold
from nepforge.store.workspace import Workspace, find_workspace

sys.path.append(str(Path(__file__).parents[1]))

from engine_toys import KINDS, plan_of, run_toy, source_file, toy_plan


def started(events: Sequence[Event]) -> list[str]:
    return [event.stage for event in events if isinstance(event, StageStarted)]


def warnings(events: Sequence[Event]) -> list[str]:
    return [e.text for e in events if isinstance(e, Message) and e.level == "warning"]


def run_entries(workspace: Path) -> list[Entry]:
    return [entry for entry in Workspace(workspace).ledger.entries() if entry.type == "run"]


def planned(workspace: Path, **values: object) -> dict[str, PlannedStage]:
    stages = plan_run(workspace, toy_plan(**values), kinds=KINDS)  # type: ignore[arg-type]
    return {stage.name: stage for stage in stages}


def make_writable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(stat.S_IRWXU)


def test_second_run_computes_nothing_and_is_recorded(tmp_path: Path) -> None:
    """All stages come from the cache; the ledger still gets an entry."""
    first = run_toy(tmp_path, toy_plan())
    events: list[Event] = []
    second = run_toy(tmp_path, toy_plan(), events.append)
    assert (first.computed, first.cached) == (3, 0)
    assert (second.computed, second.cached) == (0, 3)
    assert started(events) == []
    assert [entry.body["outcome"] for entry in run_entries(tmp_path)] == ["finished"] * 2
    assert second.metrics == {"train.valid_force_rmse": 0.125}


def test_events_tell_the_run_in_order(tmp_path: Path) -> None:
    """RunStarted, a start and an end for each stage, RunFinished."""
    events: list[Event] = []
    finished = run_toy(tmp_path, toy_plan(), events.append)
    names = [type(event).__name__ for event in events]
    assert names == ["RunStarted", *["StageStarted", "StageFinished"] * 3, "RunFinished"]
    assert events[-1] == finished


def test_finished_run_tells_the_head_that_holds_its_entry(tmp_path: Path) -> None:
    """What `ledger audit --against` takes, wherever the head was kept."""
    finished = run_toy(tmp_path, toy_plan())
    run_toy(tmp_path, toy_plan())
    report = audit(Workspace(tmp_path).ledger, read_head(finished.tree_head))
    assert report.against is not None
    assert report.against.size == finished.ledger_seq + 1


def test_changed_value_reruns_only_what_depends_on_it(tmp_path: Path) -> None:
    """`steps` belongs to train: numbers stays, train and report run."""
    run_toy(tmp_path, toy_plan())
    events: list[Event] = []
    run_toy(tmp_path, toy_plan(steps=11), events.append)
    assert started(events) == ["train", "report"]


def test_plan_names_the_value_that_changed_with_its_line(tmp_path: Path) -> None:
    """Old value, new value, file and line; downstream names the input that may change."""
    run_toy(tmp_path, toy_plan())
    stages = planned(tmp_path, steps=11)
    assert stages["numbers"].cached
    assert stages["train"].reason == "train.steps: 10 -> 11 (toy.toml:5)"
    assert stages["report"].reason == "input train/model.txt may change (train runs)"
    assert stages["report"].key is None


def test_plan_falls_back_to_the_line_of_the_table(tmp_path: Path) -> None:
    """A value that the recipe does not write has the line of its table."""
    run_toy(tmp_path, toy_plan())
    assert planned(tmp_path, label="b")["train"].reason == "train.label: a -> b (toy.toml:4)"


def test_plan_names_a_changed_thread_count(tmp_path: Path) -> None:
    """Numerics are part of the key, and of the reason."""
    run_toy(tmp_path, toy_plan())
    stages = plan_run(tmp_path, evolve(toy_plan(), threads=2), kinds=KINDS)
    assert stages[0].reason == "threads: 1 -> 2"


def test_plan_tells_a_new_recipe_from_a_lost_cache(tmp_path: Path) -> None:
    """Nothing to compare with, and nothing that changed, are different reasons."""
    assert planned(tmp_path)["numbers"].reason == "no earlier result"
    run_toy(tmp_path, toy_plan())
    make_writable(tmp_path / ".nepforge" / "cache")
    shutil.rmtree(tmp_path / ".nepforge" / "cache")
    assert planned(tmp_path)["numbers"].reason == "its result is no longer in the cache"


def test_reasons_survive_the_loss_of_the_index(tmp_path: Path) -> None:
    """The ledger holds what the index holds."""
    run_toy(tmp_path, toy_plan())
    shutil.rmtree(tmp_path / ".nepforge" / "last")
    assert planned(tmp_path, steps=11)["train"].reason.startswith("train.steps: 10 -> 11")


def test_equal_bytes_stop_a_rerun(tmp_path: Path) -> None:
    """Early cut-off: train runs again under another key, writes the same model, report is kept."""
    run_toy(tmp_path, toy_plan())
    events: list[Event] = []
    finished = run_toy(tmp_path, toy_plan(label="b"), events.append)
    assert started(events) == ["train"]
    assert (finished.computed, finished.cached) == (1, 2)


def test_run_folder_holds_recipe_summary_and_artifacts(tmp_path: Path) -> None:
    """What a user opens: copies grouped by stage, writable, under the run hash."""
    finished = run_toy(tmp_path, toy_plan())
    folder = tmp_path / "runs" / "toy" / finished.run_hash[:12]
    assert finished.folder == folder
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "recipe.toml",
        "resolved.toml",
        "summary.json",
        "numbers/numbers.json",
        "train/model.txt",
        "train/times.dat",
        "train/metrics.json",
        "report/plots/report.txt",
    }
    assert json.loads((folder / "summary.json").read_text())["run_hash"] == finished.run_hash
    assert (folder / "train" / "model.txt").stat().st_mode & stat.S_IWUSR


def test_entry_holds_what_a_repetition_needs(tmp_path: Path) -> None:
    """Recipe, hashes, keys, digests, seeds, metrics with units, tolerances, environment."""
    run_toy(tmp_path, toy_plan())
    body = run_entries(tmp_path)[0].body
    assert body["recipe"]["text"].startswith('name = "toy"')
    assert body["recipe"]["hash"] == toy_plan().recipe_hash
    assert body["seeds"] == {"seed": 1}
    assert body["metrics"]["train.valid_force_rmse"] == {"value": 0.125, "unit": "eV/Å"}
    assert body["tolerances"] == {"valid_force_rmse": {"relative": 0.05}}
    assert body["environment"]["threads"] == 1
    train = body["stages"][1]
    model = tmp_path / ".nepforge" / "cache" / train["key"][:2] / train["key"] / "model.txt"
    assert train["outputs"]["model.txt"]["size"] == model.stat().st_size
    upstream = body["stages"][0]["outputs"]["numbers.json"]["sha256"]
    assert train["content"]["inputs"] == {"numbers": upstream}


def test_damaged_byte_is_found_and_recomputed(tmp_path: Path) -> None:
    """A changed artifact is never used: it is quarantined and the stage runs again."""
    run_toy(tmp_path, toy_plan())
    (model,) = (tmp_path / ".nepforge" / "cache").rglob("model.txt")
    good = model.read_text()
    model.chmod(0o644)
    model.write_text(good.replace(good[0], "x"))
    assert "damaged (model.txt" in planned(tmp_path)["train"].reason
    events: list[Event] = []
    run_toy(tmp_path, toy_plan(), events.append)
    assert started(events) == ["train"]
    assert "model.txt: other bytes than were published" in warnings(events)[0]
    assert model.read_text() == good
    assert len(list((tmp_path / ".nepforge" / "quarantine").iterdir())) == 1


def test_nondeterminism_is_recorded(tmp_path: Path) -> None:
    """A second build of one key with other bytes leaves an entry and a warning."""
    plan = plan_of([Stage("random", "random", 1, {})])
    run_toy(tmp_path, plan)
    make_writable(tmp_path / ".nepforge" / "cache")
    shutil.rmtree(tmp_path / ".nepforge" / "cache")
    events: list[Event] = []
    run_toy(tmp_path, plan, events.append)
    (entry,) = [e for e in Workspace(tmp_path).ledger.entries() if e.type == "nondeterminism"]
    assert list(entry.body["files"]) == ["random.bin"]
    assert "differ in random.bin" in warnings(events)[0]


def test_volatile_files_are_not_nondeterminism(tmp_path: Path) -> None:
    """times.dat holds a clock reading; two builds may differ in it."""
    run_toy(tmp_path, toy_plan())
    make_writable(tmp_path / ".nepforge" / "cache")
    shutil.rmtree(tmp_path / ".nepforge" / "cache")
    events: list[Event] = []
    run_toy(tmp_path, toy_plan(), events.append)
    assert warnings(events) == []


def test_failed_stage_leaves_an_entry_a_log_and_no_artifact(tmp_path: Path) -> None:
    """The error is wrapped, the traceback kept, paths and host stay out of the ledger."""
    text = f"no luck on {platform.node()}: with https://me:secret@example.org/x and /home/me/y.txt"
    plan = plan_of([*toy_plan().stages, Stage("broken", "broken", 1, {"text": text})])
    events: list[Event] = []
    with pytest.raises(StageError, match="stage broken: RuntimeError") as caught:
        run_toy(tmp_path, plan, events.append)
    log = Path(caught.value.hint.removeprefix("the traceback is in "))
    assert "RuntimeError" in log.read_text()
    entry = run_entries(tmp_path)[0]
    assert entry.body["outcome"] == "failed"
    assert entry.body["failure"]["stage"] == "broken"
    message = entry.body["failure"]["message"]
    assert "https://example.org/x and y.txt in .nepforge/scratch/" in message
    assert str(tmp_path) not in message
    assert "no luck on <host>:" in message
    assert len(entry.body["stages"]) == 3
    assert not list((tmp_path / ".nepforge" / "scratch").iterdir())
    assert isinstance(events[-1], RunFinished)
    assert (events[-1].outcome, events[-1].run_hash) == ("failed", entry.hash)


def test_missing_upstream_file_is_named(tmp_path: Path) -> None:
    """A stage that did not write what another reads is an error, not a KeyError."""
    stages = toy_plan().stages
    reader = evolve(stages[1], inputs={"numbers": evolve(stages[1].inputs["numbers"], file="x")})
    with pytest.raises(StageError, match="reads x of stage numbers, which wrote numbers"):
        run_toy(tmp_path, plan_of([stages[0], reader]))


def test_source_that_changes_under_a_stage_is_refused(tmp_path: Path) -> None:
    """Its result would be stored under the key of other bytes."""
    text = tmp_path / "text.txt"
    text.write_text("good")
    sources = {"text": source_file(text)}
    spoilt = Stage("copy", "copy", 1, {"spoil": True}, sources=sources)
    with pytest.raises(DataMissingError, match=r"text.txt: changed while stage copy ran"):
        run_toy(tmp_path, plan_of([spoilt]))
    assert not list((tmp_path / ".nepforge" / "cache").rglob("manifest.json"))


def test_changed_source_reruns_its_stage(tmp_path: Path) -> None:
    """The reason shows the two digests and the line of the file name."""
    text = tmp_path / "text.txt"
    plans = []
    for content in ("first", "second"):
        text.write_text(content)
        sources = {"text": source_file(text)}
        paths = {"text": "train.steps"}
        stage = Stage("copy", "copy", 1, {"spoil": False}, sources=sources, paths=paths)
        plans.append(plan_of([stage]))
    text.write_text("first")
    run_toy(tmp_path, plans[0])
    text.write_text("second")
    digests = [plan.stages[0].sources["text"].sha256[:12] for plan in plans]
    (stage_plan,) = plan_run(tmp_path, plans[1], kinds=KINDS)
    expected = f"content of train.steps: {digests[0]} -> {digests[1]} (toy.toml:5)"
    assert stage_plan.reason == expected
    assert run_toy(tmp_path, plans[1]).computed == 1


def test_interrupted_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    """The checkpoint survives, the next run says that it resumes, the end is the same."""
    stop = StopFlag()

    def stop_in_train(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "train":
            stop.set(signal.SIGTERM)

    events: list[Event] = []
    with pytest.raises(InterruptedRunError, match="stopped after step 0") as caught:
        run_toy(tmp_path, toy_plan(), events.append, stop_in_train, stop=stop)
    assert caught.value.exit_code == 143
    assert "nepforge run toy.toml" in caught.value.hint
    assert isinstance(events[-1], RunFinished)
    assert events[-1].resume_command == "nepforge run toy.toml"
    assert run_entries(tmp_path)[0].body["outcome"] == "interrupted"
    (state,) = (tmp_path / ".nepforge" / "state").iterdir()
    (state / "checkpoint.json").write_text('[9, "almost"]')
    again: list[Event] = []
    run_toy(tmp_path, toy_plan(), again.append)
    assert [e.resumed for e in again if isinstance(e, StageStarted)] == [True, False]
    assert not state.exists()


def test_second_signal_stops_at_once() -> None:
    """The first sets the flag, the second raises KeyboardInterrupt."""
    stop = StopFlag()
    with stop.listening():
        signal.raise_signal(signal.SIGINT)
        assert stop()
        assert stop.exit_code == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("hangup")
def test_a_closed_terminal_never_counts_as_the_second_signal() -> None:
    """Terminals and session managers send SIGHUP more than once, and beside SIGTERM."""
    stop = StopFlag()
    with stop.listening():
        for number in (signal.SIGHUP, signal.SIGHUP):
            signal.raise_signal(number)
        assert stop.exit_code == 129
    stop = StopFlag()
    with stop.listening():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
        assert stop.exit_code == 143


def test_an_ignored_hangup_stays_ignored() -> None:
    """As nohup leaves it."""
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = StopFlag()
        with stop.listening():
            signal.raise_signal(signal.SIGHUP)
            assert not stop()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, earlier)


def test_hard_stop_is_recorded(tmp_path: Path) -> None:
    """A KeyboardInterrupt inside a stage ends as an interrupted entry."""

    def press_twice(event: Event) -> None:
        if isinstance(event, StageStarted):
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="stopped at once"):
        run_toy(tmp_path, toy_plan(), press_twice)
    assert run_entries(tmp_path)[0].body["outcome"] == "interrupted"


def test_broken_listener_does_not_stop_a_run(tmp_path: Path) -> None:
    """It is dropped at its first error, and the others hear of it."""

    def fails(event: Event) -> None:
        if isinstance(event, StageFinished):
            raise OSError("server is down")

    events: list[Event] = []
    finished = run_toy(tmp_path, toy_plan(), fails, fails, events.append)
    assert finished.outcome == "finished"
    assert warnings(events) == ["a listener stopped: OSError: server is down"] * 2


def test_lock_of_another_process_ends_in_a_timeout(tmp_path: Path) -> None:
    """The holder is named, and the exit code is that of a lock timeout."""
    key = planned(tmp_path)["numbers"].key
    assert key is not None
    events: list[Event] = []
    with (
        hold(Workspace(tmp_path).lock(key)),
        pytest.raises(LockTimeoutError, match="held by process") as caught,
    ):
        run_toy(tmp_path, toy_plan(), events.append, lock_timeout=0.2)
    assert caught.value.exit_code == 6
    (waiting,) = [event.text for event in events if isinstance(event, Message)]
    assert waiting.startswith("waits for process")


def test_metrics_must_be_finite_numbers(tmp_path: Path) -> None:
    """NaN in metrics.json fails the stage before anything is published."""
    with pytest.raises(StageError, match=r"metrics.json: loss is nan, expected a finite number"):
        run_toy(tmp_path, plan_of([Stage("nan", "nan", 1, {})]))
    assert not list((tmp_path / ".nepforge" / "cache").rglob("manifest.json"))


def test_workspace_is_the_nearest_marked_folder(tmp_path: Path) -> None:
    """A ledger, a .nepforge or a .git above the recipe; else the folder of the recipe."""
    recipes = tmp_path / "project" / "recipes"
    recipes.mkdir(parents=True)
    assert find_workspace(recipes / "a.toml") == recipes
    (tmp_path / "project" / ".git").mkdir()
    assert find_workspace(recipes / "a.toml") == tmp_path / "project"
    (recipes / ".nepforge").mkdir()
    assert find_workspace(recipes / "a.toml") == recipes


def test_ledger_that_cannot_be_written_is_told_before_computing(tmp_path: Path) -> None:
    """A ledger path that is no file stops the run before any stage."""
    (tmp_path / "ledger" / "ledger.jsonl").mkdir(parents=True)
    events: list[Event] = []
    with pytest.raises(NepforgeError, match="the ledger cannot be written"):
        run_toy(tmp_path, toy_plan(), events.append)
    assert events == []


def chain(steps: int, label: str = "a") -> list[Stage]:
    """A stage whose `steps` only say when it ends."""
    numbers = Stage("numbers", "numbers", 1, {"seed": 1})
    table = {"train": {"steps": steps, "label": label}}
    inputs = {"numbers": Input("numbers", "numbers.json")}
    return [numbers, Stage("longer", "longer", 1, table, inputs=inputs)]


def test_a_longer_build_goes_on_from_the_end_of_a_shorter_one(tmp_path: Path) -> None:
    """It starts from the state that was left, and the result is that of a straight build."""
    events: list[Event] = []
    run_toy(tmp_path / "two", plan_of(chain(4)))
    extended = run_toy(tmp_path / "two", plan_of(chain(10)), events.append)
    assert [e.resumed for e in events if isinstance(e, StageStarted)] == [True]
    straight = run_toy(tmp_path / "one", plan_of(chain(10)))
    assert extended.folder is not None
    assert straight.folder is not None
    model = Path("longer") / "model.txt"
    assert (extended.folder / model).read_text() == (straight.folder / model).read_text()


class StopAfter(StopFlag):
    """Turns true after this many calls."""

    def __init__(self, n_answers: int) -> None:
        super().__init__()
        self.left = n_answers

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0 or super().__call__()


def test_a_longer_build_goes_on_from_where_another_one_was_stopped(tmp_path: Path) -> None:
    """The unfinished build keeps its state, and the result is that of a straight build."""
    with pytest.raises(InterruptedRunError, match=r"stopped after step [1-6]"):
        run_toy(tmp_path / "two", plan_of(chain(7)), stop=StopAfter(6))
    events: list[Event] = []
    longer = run_toy(tmp_path / "two", plan_of(chain(10)), events.append)
    assert [e.resumed for e in events if isinstance(e, StageStarted)] == [True]
    assert len(list((tmp_path / "two" / ".nepforge" / "state").iterdir())) == 1
    straight = run_toy(tmp_path / "one", plan_of(chain(10)))
    assert longer.folder is not None
    assert straight.folder is not None
    model = Path("longer") / "model.txt"
    assert (longer.folder / model).read_text() == (straight.folder / model).read_text()
    assert run_toy(tmp_path / "two", plan_of(chain(7))).computed == 1
    assert not list((tmp_path / "two" / ".nepforge" / "state").iterdir())


def test_an_end_is_offered_to_nothing_else(tmp_path: Path) -> None:
    """A change of any value that affects numbers starts from scratch; few ends are kept."""
    events: list[Event] = []
    run_toy(tmp_path, plan_of(chain(4)))
    for number in range(KEPT_ENDS + 2):
        run_toy(tmp_path, plan_of(chain(5, label=f"b{number}")), events.append)
    assert not any(e.resumed for e in events if isinstance(e, StageStarted))
    ends = list((tmp_path / ".nepforge" / "ends").iterdir())
    assert len(ends) == KEPT_ENDS
    assert not list((tmp_path / ".nepforge" / "state").iterdir())

"""Runs a plan: takes each stage from the cache or builds it, and records the run.

Begin at `walk.run`; `build` makes one stage, `call` calls its function. `preview` says what a run
would do and why, from the `outlook` of each stage.
"""

"""Runs a plan: takes each stage from the cache or builds it, and records the run.

Begin at `walk.run`; `build` makes one stage, `call` calls its function, `outlook` says what
would run and why.
"""

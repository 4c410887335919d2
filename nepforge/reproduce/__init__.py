"""Runs a ledger entry again and judges the result.

Begin at `run`; `verdict` compares the repetition with the record.
"""

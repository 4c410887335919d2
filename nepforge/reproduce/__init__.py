"""Run a ledger entry again and judge what comes out."""

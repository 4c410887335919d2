"""The append-only log of runs: hash-chained entries, Merkle tree heads, proofs, signatures.

Begin at `entry` (what one run leaves behind) and `log` (the file of them); `audit` checks it.
"""

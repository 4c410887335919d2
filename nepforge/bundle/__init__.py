"""One run as one zip file (an RO-Crate) that others can read, check and repeat.

`write` packs a run, `read` checks and unpacks one; `crate` describes the files in JSON-LD.
"""

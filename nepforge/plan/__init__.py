"""Recipe -> stages with their cache keys, and why a key changed.

Begin at `build.build`; `stage` defines a stage and its key.
"""

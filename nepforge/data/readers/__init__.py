"""Readers of labelled structures, one module a family of formats."""

from nepforge.data.readers.table import READERS, read_frames

__all__ = ["READERS", "read_frames"]

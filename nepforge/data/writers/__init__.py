"""Writers of labelled structures, one module a family of formats."""

from nepforge.data.writers.table import (
    WRITERS,
    write_frames,
    write_parts,
    write_predictions,
)

__all__ = ["WRITERS", "write_frames", "write_parts", "write_predictions"]

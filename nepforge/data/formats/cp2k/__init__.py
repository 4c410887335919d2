"""Output of CP2K: `blocks` finds what matters, `read` makes frames of it."""

"""DeePMD systems: numpy arrays (`read`, `write`) and text (`raw`)."""

"""Labels in files: what they are called, their units and signs, factors to eV and Å."""

"""Model files: one door, `open_model`, for every kind; writers; conversion.

Begin at `open_model` (reading), `nep_txt` and `potential_file` (writing).
"""

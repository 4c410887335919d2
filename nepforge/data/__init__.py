"""Labelled structures: from files of any supported code to batches of tensors.

Begin at `frame` (one labelled structure), then `formats` (files), `prepare` (training and
validation frames) and `batch` (frames -> tensors with neighbours).
"""

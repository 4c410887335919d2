"""The runs of a [matrix] side by side: mean and spread over seeds, curves of all.

`table` collects the numbers, `text` and `write` render them.
"""

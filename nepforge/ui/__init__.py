"""What a person sees of a run; every view is a listener of events.

Begin at `views`.
"""

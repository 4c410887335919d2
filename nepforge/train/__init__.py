"""Training: observations, one stepper per optimizer, the loop, checkpoints.

Begin at `loop`.
"""

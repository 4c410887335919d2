"""Deep Potential (DeepPot-SE), for comparison with NEP.

Begin at `network`; `environment` builds the descriptor, `jacobian` the rows for the Kalman filter.
"""

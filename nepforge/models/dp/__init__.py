"""Deep Potential (DeepPot-SE), for comparison with NEP.

Begin at `network`. `parameters` defines the layout of the flat vector, `environment_matrix`
the neighbourhood; `jacobian` has the rows for the Kalman filter.
"""

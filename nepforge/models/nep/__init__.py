"""NEP: Chebyshev descriptors and one hidden layer per species, with ZBL.

Begin at `network`. `parameters` knows the layout of the flat vector. Neighbour sums (`moments`)
hold no parameter; `jacobian` has the rows for the Kalman filter; `native` calls the C++ core.
"""

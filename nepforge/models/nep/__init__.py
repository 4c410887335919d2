"""NEP: Chebyshev descriptors and one hidden layer per species, with ZBL.

Begin at `network`, which states the theory. `parameters` defines the layout of the flat vector;
`moments` are neighbour sums without parameters; `jacobian` has the rows for the Kalman filter;
`native` calls the C++ core.
"""

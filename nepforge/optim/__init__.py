"""Optimizers as pure steps on numbers: the layer-wise Kalman filter (`lkf`) and SNES (`snes`)."""

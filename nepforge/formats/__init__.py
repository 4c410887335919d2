"""Model files: nep.txt of GPUMD, nep_to_lmps.txt, nep_model.ckpt, dp_model.ckpt, nep.in.

Begin at `model_file`.
"""

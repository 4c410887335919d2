"""The compiled neighbour sums (lammps_pair/core/moments.h), same interface as in torch."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.angular import n_harmonics
from nepforge.models.nep.moments import Moments
from nepforge.models.nep.native import library_path


class _Pairs(ctypes.Structure):
    """struct nepforge_pairs."""

    _fields_ = (
        ("n_atoms", ctypes.c_int64),
        ("n_columns", ctypes.c_int64),
        ("n_types", ctypes.c_int64),
        ("radial_functions", ctypes.c_int64),
        ("angular_functions", ctypes.c_int64),
        ("l_max", ctypes.c_int64),
        ("n_threads", ctypes.c_int64),
        ("radial_cutoffs", ctypes.c_void_p),
        ("angular_cutoffs", ctypes.c_void_p),
        ("type_idx", ctypes.c_void_p),
        ("column_offsets", ctypes.c_void_p),
        ("neighbor_idx", ctypes.c_void_p),
        ("neighbor_vector", ctypes.c_void_p),
    )


class NativePairKernels:
    """float64 on the CPU, on torch.get_num_threads() threads, whose number changes no result."""

    def __init__(
        self,
        batch: Batch,
        pair_cutoffs: tuple[Tensor, Tensor],  # radial and angular [T, T], Å
        basis_size: tuple[int, int],
        l_max: int,
    ) -> None:
        self.batch = batch
        self._functions = (basis_size[0] + 1, basis_size[1] + 1)
        self._n_harmonics = n_harmonics(l_max)
        # What the struct points to must live as long as it does.
        self._held = (
            *(cutoff.contiguous() for cutoff in pair_cutoffs),
            batch.type_idx,
            torch.tensor(batch.column_offsets, dtype=torch.int64),
            batch.neighbor_idx.contiguous(),
            batch.neighbor_vector.contiguous(),
        )
        self._pairs = _Pairs(
            *batch.neighbor_idx.shape,
            batch.n_types,
            *self._functions,
            l_max,
            torch.get_num_threads(),
            *(tensor.data_ptr() for tensor in self._held),
        )

    def moments(self) -> Moments:
        result = self._empty()
        _library().nepforge_moments(
            ctypes.byref(self._pairs), _pointer(result.radial), _pointer(result.angular)
        )
        return result

    def displacement_tangents(self, displacements: Tensor) -> Moments:
        return self._tangents(displacements.contiguous(), None)

    def strain_tangents(self, strains: Tensor) -> Moments:
        return self._tangents(None, strains.contiguous())

    def _tangents(self, displacements: Tensor | None, strains: Tensor | None) -> Moments:
        directions = displacements if strains is None else strains
        assert directions is not None
        result = self._empty(len(directions))
        _library().nepforge_moment_tangents(
            ctypes.byref(self._pairs),
            ctypes.c_int64(len(directions)),
            _pointer(displacements),
            _pointer(strains),
            ctypes.c_int64(self.batch.n_frames),
            _pointer(self.batch.frame_idx),
            _pointer(result.radial),
            _pointer(result.angular),
        )
        return result

    def forces_and_virial(self, gradient: Moments) -> tuple[Tensor, Tensor]:
        radial, angular = gradient.radial.contiguous(), gradient.angular.contiguous()
        forces = radial.new_empty(len(radial), 3)
        virials = radial.new_empty(len(radial), 3, 3)
        _library().nepforge_moment_forces(
            ctypes.byref(self._pairs),
            _pointer(radial),
            _pointer(angular),
            _pointer(forces),
            _pointer(virials),
        )
        return forces, self.batch.sum_by_frame(virials)

    def _empty(self, *leading: int) -> Moments:
        shape = (*leading, len(self.batch.frame_idx))
        radial, angular = (n * self.batch.n_types for n in self._functions)
        like = self.batch.neighbor_vector
        return Moments(
            like.new_empty(*shape, radial), like.new_empty(*shape, self._n_harmonics, angular)
        )


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(library_path("libnepforge_training.so")))
    for name in ("nepforge_moments", "nepforge_moment_tangents", "nepforge_moment_forces"):
        getattr(library, name).restype = None
    return library


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())

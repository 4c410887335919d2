"""The descriptor q of one atom from its sums s, the gradient dU/ds, and the tangents of both.

Order of q: radial, then l = 1..l_max, then the invariants, each block over n. A tangent is the
change along a displacement of the atoms or a strain; its leading dimension is D directions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nepforge.models.nep.angular import three_body_weights
from nepforge.models.nep.invariants import QUARTIC_RATIO, cubic_form
from nepforge.models.nep.sizes import NEPSizes


def descriptor(model: NEPSizes, radial: Tensor, sums: Tensor) -> Tensor:
    """q [..., n_descriptor] from radial components [..., n_max + 1] and sums s [..., A, n_max + 1].

    Order: radial, then l = 1..l_max, then the invariants, each block over n.
    """
    weights = _three_body(model, sums)
    three_body = weights.mT @ (sums * sums)  # [..., l_max, n_max + 1]
    blocks = [three_body]
    by_n = sums.mT  # [..., n_max + 1, A]
    for name in model.invariants:
        if name == "1111":
            blocks.append(QUARTIC_RATIO * three_body[..., :1, :] ** 2)
            continue
        form = cubic_form(name)
        value = (by_n[..., form.start : form.stop] * form.contract(by_n, by_n)).sum(dim=-1)
        blocks.append(value[..., None, :])
    return torch.cat([radial, torch.cat(blocks, dim=-2).flatten(-2)], dim=-1)


def pull_back(model: NEPSizes, sums: Tensor, gradient: Tensor) -> Tensor:
    """dU/ds [..., A, n_max + 1] from dU/dq [..., n_descriptor] at the sums s."""
    blocks = _angular_blocks(model, gradient)
    three_body = blocks[..., : model.l_max, :]
    weights = _three_body(model, sums)
    if "1111" in model.invariants:
        quartic = blocks[..., model.l_max + model.invariants.index("1111"), :]
        first = (weights[:, 0] @ (sums * sums)) * quartic * (2.0 * QUARTIC_RATIO)
        three_body = torch.cat(
            [three_body[..., :1, :] + first[..., None, :], three_body[..., 1:, :]], -2
        )
    result = 2.0 * sums * (weights @ three_body)
    by_n = sums.mT
    for block, name in enumerate(model.invariants, start=model.l_max):
        if name != "1111":
            form = cubic_form(name)
            slope = 3.0 * form.contract(by_n, by_n) * blocks[..., block, :, None]
            result[..., form.start : form.stop, :] += slope.mT
    return result


def _three_body(model: NEPSizes, like: Tensor) -> Tensor:
    return three_body_weights(model.l_max).to(like)


def _angular_blocks(model: NEPSizes, q_like: Tensor) -> Tensor:
    """The angular part of a descriptor-like tensor as [..., l_max + invariants, n_max + 1]."""
    return q_like[..., model.n_radial :].unflatten(-1, (-1, model.n_max[1] + 1))


def descriptor_tangent(model: NEPSizes, radial: Tensor, sums: Tensor, change: Tensor) -> Tensor:
    """Change of the unscaled descriptor [D, n, n_descriptor] for changes of the sums."""
    weights = three_body_weights(model.l_max).to(sums).mT
    three_body = 2.0 * (weights @ (sums * change))
    blocks = [three_body]
    by_n, change_by_n = sums.mT, change.mT
    for name in model.invariants:
        if name == "1111":
            first = weights[0] @ (sums * sums)
            blocks.append((2.0 * QUARTIC_RATIO) * (first * three_body[..., 0, :])[..., None, :])
            continue
        form = cubic_form(name)
        slope = 3.0 * form.contract(by_n, by_n)
        blocks.append((slope * change_by_n[..., form.start : form.stop]).sum(-1)[..., None, :])
    return torch.cat([radial, torch.cat(blocks, dim=-2).flatten(-2)], dim=-1)


def pull_back_tangent(
    model: NEPSizes, sums: Tensor, change: Tensor, gradient: Tensor, gradient_change: Tensor
) -> Tensor:
    """Change of dU/ds (`pull_back`) for changes of the sums and of dU/dq."""
    shape = (-1, model.n_max[1] + 1)
    blocks = gradient[..., model.n_radial :].unflatten(-1, shape)
    moved = gradient_change[..., model.n_radial :].unflatten(-1, shape)
    weights = three_body_weights(model.l_max).to(sums)
    fixed, turned = blocks[..., : model.l_max, :], moved[..., : model.l_max, :]
    if "1111" in model.invariants:
        block = model.l_max + model.invariants.index("1111")
        first = weights[:, 0] @ (sums * sums)
        first_change = 2.0 * (weights[:, 0] @ (sums * change))
        factor = 2.0 * QUARTIC_RATIO
        quartic = factor * first * blocks[..., block, :]
        quartic_change = factor * (
            first_change * blocks[..., block, :] + first * moved[..., block, :]
        )
        fixed = torch.cat([fixed[..., :1, :] + quartic[..., None, :], fixed[..., 1:, :]], dim=-2)
        turned = torch.cat(
            [turned[..., :1, :] + quartic_change[..., None, :], turned[..., 1:, :]], dim=-2
        )
    result = 2.0 * (change * (weights @ fixed) + sums * (weights @ turned))
    by_n, change_by_n = sums.mT, change.mT
    for block, name in enumerate(model.invariants, start=model.l_max):
        if name == "1111":
            continue
        form = cubic_form(name)
        bent = 6.0 * form.contract(by_n, change_by_n) * blocks[..., block, :, None]
        bent = bent + 3.0 * form.contract(by_n, by_n) * moved[..., block, :, None]
        result[..., form.start : form.stop, :] += bent.mT
    return result

"""One step of an RNN, an LSTM and a GRU as the papers have it, and the same for a whole sequence.

    B batch · T steps · D input size · H hidden size
    one step: x (B, D), h and c (B, H) · a sequence: x (T, B, D) → h (T, B, H)

The sequences are equal to the steps one after the other (tests hold them so) and faster: only
W_hh h has to wait for the step before. W_ih x is multiplied for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# a · s(1 - s) and a · (1 - t²), each in one kernel: what autograd itself calls.
times_slope_of_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
times_slope_of_tanh = torch.ops.aten.tanh_backward.grad_input

Activation = Callable[[Tensor], Tensor]
States = tuple[Tensor, ...]  # what a layer carries from step to step: (h,), or (h, c)


class Weights(NamedTuple):
    """One layer's parameters; G gates stand under one another, 1 in an RNN, 3 in a GRU, 4 in an LSTM."""

    w_ih: Tensor  # (G·H, D)
    w_hh: Tensor  # (G·H, H)
    b_ih: Tensor  # (G·H,)
    b_hh: Tensor  # (G·H,) beside b_ih it matters in a GRU only; elsewhere the two are summed


# ---- The equations: one time step, x (B, D), h and c (B, H) ----------------------------------


def rnn_step(x: Tensor, h: Tensor, w: Weights, activation: Activation) -> Tensor:
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or ReLU (Elman 1990)."""
    return activation(F.linear(x, w.w_ih, w.b_ih) + F.linear(h, w.w_hh, w.b_hh))


def lstm_gates(x: Tensor, h: Tensor, w: Weights) -> States:
    """Input gate i, forget gate f, candidate g and output gate o, each (B, H).

    i = σ(W_ii x + b_ii + W_hi h + b_hi), f and o alike with their own weights, and tanh for g.
    """
    z = F.linear(x, w.w_ih, w.b_ih) + F.linear(h, w.w_hh, w.b_hh)  # (B, 4H)
    i, f, g, o = z.chunk(4, dim=-1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def lstm_step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> States:
    """c_t = f ⊙ c_{t-1} + i ⊙ g,  h_t = o ⊙ tanh(c_t); returns (h_t, c_t).

    Hochreiter & Schmidhuber 1997, with the forget gate f of Gers et al. 2000 (before it, f = 1).
    """
    i, f, g, o = lstm_gates(x, h, w)
    c = f * c + i * g
    return o * c.tanh(), c


def gru_gates(x: Tensor, h: Tensor, w: Weights) -> States:
    """Reset gate r, update gate z and candidate n, each (B, H).

    n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)): as torch and cuDNN do, r scales the *product*.
    Cho et al. 2014 scale the state before it, W_hn (r ⊙ h): weights do not carry over.
    """
    x_r, x_z, x_n = F.linear(x, w.w_ih, w.b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = F.linear(h, w.w_hh, w.b_hh).chunk(3, dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    return r, z, (x_n + r * h_n).tanh()


def gru_step(x: Tensor, h: Tensor, w: Weights) -> Tensor:
    """h_t = (1 - z) ⊙ n + z ⊙ h_{t-1} (Cho et al. 2014, equation 7): z is how much is kept."""
    _, z, n = gru_gates(x, h, w)
    return (1 - z) * n + z * h


# ---- The same for a whole sequence, x (T, B, D) → h (T, B, H) --------------------------------


def rnn_sequence(x: Tensor, h: Tensor, w: Weights, activation: Activation) -> Tensor:
    """``rnn_step`` for all of x (T, B, D), from h (B, H): every h_t, (T, B, H)."""
    from_x = F.linear(x, w.w_ih, w.b_ih + w.b_hh)  # (T, B, H), all steps in one product
    to_h, outputs = w.w_hh.t().contiguous(), []
    for from_x_t in from_x.unbind():
        h = activation(torch.addmm(from_x_t, h, to_h))
        outputs.append(h)
    return torch.stack(outputs)


def gru_sequence(x: Tensor, h: Tensor, w: Weights) -> Tensor:
    """``gru_step`` for all of x (T, B, D), from h (B, H): every h_t, (T, B, H)."""
    H = h.size(-1)
    x_rz, x_n = F.linear(x, w.w_ih, w.b_ih).split([2 * H, H], dim=-1)
    to_h, outputs = w.w_hh.t().contiguous(), []
    for x_rz_t, x_n_t in zip(x_rz.unbind(), x_n.unbind(), strict=True):
        h_rz, h_n = torch.addmm(w.b_hh, h, to_h).split([2 * H, H], dim=-1)
        r, z = (x_rz_t + h_rz).sigmoid().chunk(2, dim=-1)
        n = torch.addcmul(x_n_t, r, h_n).tanh()
        h = torch.lerp(n, h, z)  # n + z (h - n)
        outputs.append(h)
    return torch.stack(outputs)


def lstm_sequence(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> States:
    """``lstm_step`` for all of x (T, B, D), from h and c (B, H): every h_t and c_t, (T, B, H)."""
    return _LSTMSequence.apply(x, h, c, w.w_ih, w.w_hh, w.b_ih + w.b_hh)


class _LSTMSequence(torch.autograd.Function):
    """h_t and c_t of all steps, and backpropagation through time (Werbos 1990) by hand.

    Autograd would be right too. It would keep a record of ten operations for each step, though,
    and multiply for the gradient of W_hh at every step; here that is one product after the loop.
    At ``z`` stands what goes into σ and tanh, as in ``lstm_gates``.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h_0: Tensor, c_0: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x (T, B, D), h_0 and c_0 (B, H), w_ih, w_hh and b as in ``Weights`` → h, c (T, B, H)."""
        T, B, H = *x.shape[:2], h_0.size(-1)
        z = F.linear(x, w_ih, b)  # (T, B, 4H), all steps in one product; the loop adds W_hh h
        gates = z.view(T, B, 4, H)  # the same memory: z becomes i, f, g, o in place
        to_h = w_hh.t().contiguous()
        h, c = z.new_empty(T + 1, B, H), z.new_empty(T + 1, B, H)
        h[0], c[0] = h_0, c_0
        tanh_c = z.new_empty(T, B, H)
        now = (z, gates[:, :, :2], *gates.unbind(2), tanh_c)
        steps = zip(*now, h[:-1], c[:-1], h[1:], c[1:], strict=True)
        for z_t, i_and_f, i, f, g, o, tanh_c_t, h_before, c_before, h_t, c_t in steps:
            z_t.addmm_(h_before, to_h)
            i_and_f.sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, c_before, out=c_t).addcmul_(i, g)
            torch.tanh(c_t, out=tanh_c_t)
            torch.mul(o, tanh_c_t, out=h_t)
        ctx.save_for_backward(x, w_ih, w_hh, gates, h, c, tanh_c)
        return h[1:], c[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_h: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """From ∂L/∂h_t and ∂L/∂c_t of all steps to ∂L/∂ of all inputs.

        With δ for the gradient of L once all later steps are counted, walking from T back to 1:

            δh_t = ∂L/∂h_t + δz_{t+1} W_hh
            δc_t = ∂L/∂c_t + δh_t ⊙ o ⊙ (1 - tanh² c_t) + δc_{t+1} ⊙ f_{t+1}
            δi, δf, δg = δc_t ⊙ (g, c_{t-1}, i),   δo = δh_t ⊙ tanh c_t
            δz_t = those four, each times the slope of its σ or tanh
            ∂L/∂W_hh = Σ_t δz_tᵀ h_{t-1},   ∂L/∂W_ih = Σ_t δz_tᵀ x_t
            ∂L/∂b = Σ_t δz_t,   ∂L/∂x_t = δz_t W_ih
        """
        x, w_ih, w_hh, gates, h, c, tanh_c = ctx.saved_tensors
        T, B, _, H = gates.shape
        i, f, g, o = gates.unbind(2)
        # What δc_t and δh_t are multiplied by does not wait for them: all steps at once.
        delta = torch.empty_like(gates)  # (T, B, 4, H), made δz by the loop, in place
        delta_i, delta_f, delta_g, delta_o = delta.unbind(2)
        times_slope_of_sigmoid(g, i, grad_input=delta_i)  # g ⊙ i (1 - i)
        times_slope_of_sigmoid(c[:-1], f, grad_input=delta_f)
        times_slope_of_tanh(i, g, grad_input=delta_g)  # i ⊙ (1 - g²)
        times_slope_of_sigmoid(tanh_c, o, grad_input=delta_o)
        h_to_c = o - o * tanh_c * tanh_c
        delta_z, none = delta.view(T, B, 4 * H), torch.zeros_like(h[0])
        grads = ([none, *grad_h[:-1]], [none, *grad_c[:-1]])  # of the step before
        steps = [*zip(delta[:, :, :3], delta_o, delta_z, f, h_to_c, *grads, strict=True)]
        delta_h, delta_c = grad_h[-1], grad_c[-1].clone()
        for d_ifg, d_o, d_z, f_t, h_to_c_t, grad_h_before, grad_c_before in reversed(steps):
            delta_c.addcmul_(delta_h, h_to_c_t)
            d_ifg.mul_(delta_c[:, None])
            d_o.mul_(delta_h)
            delta_h = torch.addmm(grad_h_before, d_z, w_hh)
            delta_c = torch.addcmul(grad_c_before, delta_c, f_t)
        rows = delta_z.flatten(0, 1)  # (T·B, 4H)
        grad_x = delta_z @ w_ih if ctx.needs_input_grad[0] else None
        grad_w_ih, grad_w_hh = rows.t() @ x.flatten(0, 1), rows.t() @ h[:-1].flatten(0, 1)
        return grad_x, delta_h, delta_c, grad_w_ih, grad_w_hh, rows.sum(0)

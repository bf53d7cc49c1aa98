"""Exercises 11.6 and 11.7: bits per byte, and the loss that the source document never computes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer
from llm_nb.metrics import bits_per_byte


def bits_exercise(warm_up: int) -> Exercise:
    """11.6: bits per byte of one window, of which the first ``warm_up`` targets do not count."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor, list[int]]:
        T, V = warm_up + draw.integer(5, 8), draw.integer(6, 9)
        targets = draw.integers(V, T)
        targets[draw.integer(warm_up, T - 1)] = 0  # the end of a text: a token of no byte
        lengths = [0, *(1 + draw.integers(6, V - 1)).tolist()]
        return 2 * draw.normal(T, V), targets, lengths

    def scores(logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets, reduction="none") / math.log(2)

    def counted(targets: Tensor, lengths: list[int]) -> Tensor:
        return torch.tensor(lengths)[targets].float()

    def expected(logits: Tensor, targets: Tensor, lengths: list[int]) -> float:
        bits = scores(logits[warm_up:], targets[warm_up:]).double().sum().item()
        return bits_per_byte(bits, sum(lengths[i] for i in targets[warm_up:].tolist()))

    def ratio(
        logits: Tensor, targets: Tensor, lengths: list[int], skip: int = warm_up, factor: float = 1
    ) -> float:
        bits = scores(logits, targets)[skip:].sum().item()
        return factor * bits / counted(targets, lengths)[skip:].sum().item()

    def per_token(logits: Tensor, targets: Tensor, lengths: list[int]) -> float:
        return scores(logits, targets)[warm_up:].mean().item()

    def mean_of_ratios(logits: Tensor, targets: Tensor, lengths: list[int]) -> float:
        each = scores(logits, targets) / counted(targets, lengths)
        return each[warm_up:].mean().item()

    def all_bytes(logits: Tensor, targets: Tensor, lengths: list[int]) -> float:
        bits = scores(logits, targets)[warm_up:].sum().item()
        return bits / counted(targets, lengths).sum().item()

    def shifted_again(logits: Tensor, targets: Tensor, lengths: list[int]) -> float:
        return ratio(logits[:-1], targets[1:], lengths)

    def ends_left_out(logits: Tensor, targets: Tensor, lengths: list[int]) -> float:
        bits, length = scores(logits, targets)[warm_up:], counted(targets, lengths)[warm_up:]
        return (bits[length > 0].sum() / length.sum()).item()

    def guessed_bytes(logits: Tensor, targets: Tensor, lengths: list[int]) -> float:
        bits = scores(logits, targets)[warm_up:].sum().item()
        return bits / max(counted(logits.argmax(-1), lengths)[warm_up:].sum().item(), 1.0)

    wrong = (
        WrongAnswer(
            "nats",
            "the result is in nats: cross_entropy takes the natural logarithm, so divide by ln 2",
            lambda z, t, n: ratio(z, t, n, factor=math.log(2)),
        ),
        WrongAnswer(
            "ln 2 the wrong way round",
            "you multiply by ln 2 where you should divide: a nat is more than a bit, so there are "
            "more bits than nats",
            lambda z, t, n: ratio(z, t, n, factor=math.log(2) ** 2),
        ),
        WrongAnswer(
            "per token",
            "these are bits per token: divide by the bytes that the targets stand for",
            per_token,
        ),
        WrongAnswer(
            "mean of ratios",
            "you average bits over bytes token by token: divide the sum of the bits by the sum of "
            "the bytes, once",
            mean_of_ratios,
        ),
        WrongAnswer(
            "first targets counted",
            f"the first {warm_up} targets are counted: leave out their bits and their bytes",
            lambda z, t, n: ratio(z, t, n, skip=0),
        ),
        WrongAnswer(
            "bytes of the first targets counted",
            f"the bits of the first {warm_up} targets are left out, but their bytes are not",
            all_bytes,
        ),
        WrongAnswer(
            "shifted again",
            "you shift the targets, but they are shifted already: targets[t] is what should follow "
            "position t",
            shifted_again,
        ),
        WrongAnswer(
            "tokens of no byte left out",
            "the end of a text stands for no byte, yet saying that the text ends costs bits: they "
            "count",
            ends_left_out,
        ),
        WrongAnswer(
            "bytes of the guesses",
            "you count the bytes of the likeliest tokens: it is the text, hence the targets, that "
            "has the bytes",
            guessed_bytes,
        ),
    )
    hints = (
        "Two sums and one division. What is summed above the line, and in which unit does "
        "`cross_entropy` give it?",
        f'Cut both logits and targets at {warm_up} first. `F.cross_entropy` with `reduction="sum"` is '
        "the numerator, in nats; a nat is 1/ln 2 bits.",
        "The denominator is the sum of `byte_lengths[i]` over the targets `i` that are left. The result "
        "is a plain number: `.item()` takes it out of a tensor.",
    )
    return Exercise("11.6", "Bits per byte", 3, 15, 1, inputs, expected, wrong, hints)


def loss_exercise(pad: int) -> Exercise:
    """11.7: the mean loss of predicting each next token, where ``pad`` only fills rows up."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor]:
        V = pad + draw.integer(6, 9)
        lengths = [4, 7, draw.integer(5, 6)]  # uneven, so that means of rows are not the mean
        ids = draw.integers(V - 1, len(lengths), 7)
        ids += ids >= pad  # every id but the padding
        for row, length in zip(ids, lengths, strict=True):
            row[length:] = pad
        return 2 * draw.normal(len(lengths), 7, V), ids

    def each(logits: Tensor, ids: Tensor) -> Tensor:
        """(B, T - 1) losses of the next tokens, padding included."""
        return F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")

    def expected(logits: Tensor, ids: Tensor) -> Tensor:
        total, count = logits.new_zeros(()), 0
        for row, text in zip(logits, ids, strict=True):
            length = int((text != pad).sum())
            log_p = row.log_softmax(-1)
            total = total - sum(log_p[t, text[t + 1]] for t in range(length - 1))
            count += length - 1
        return total / count

    def masked_mean(losses: Tensor, counts: Tensor) -> Tensor:
        return (losses * counts).sum() / counts.sum()

    def no_shift(logits: Tensor, ids: Tensor) -> Tensor:
        losses = F.cross_entropy(logits.transpose(1, 2), ids, reduction="none")
        return masked_mean(losses, ids != pad)

    def backward(logits: Tensor, ids: Tensor) -> Tensor:
        logits, targets = logits[:, 1:], ids[:, :-1]
        return F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=pad)

    def reshaped(logits: Tensor, ids: Tensor) -> Tensor:
        B, T, V = logits.shape
        moved = logits[:, :-1].reshape(B, V, T - 1)
        return F.cross_entropy(moved, ids[:, 1:], ignore_index=pad)

    def row_means(logits: Tensor, ids: Tensor) -> Tensor:
        losses, real = each(logits, ids), ids[:, 1:] != pad
        return ((losses * real).sum(1) / real.sum(1)).mean()

    def by_input(logits: Tensor, ids: Tensor) -> Tensor:
        return masked_mean(each(logits, ids), ids[:, :-1] != pad)

    wrong = (
        WrongAnswer(
            "no shift",
            "each position is judged by its own token: z[:, t] predicts ids[:, t + 1]",
            no_shift,
        ),
        WrongAnswer(
            "shifted backwards",
            "each position is judged by the token before it: drop the last row of logits and the "
            "first token, not the other way round",
            backward,
        ),
        WrongAnswer(
            "padding counted",
            f"predictions of the padding are counted: leave out targets that are {pad}",
            lambda z, ids: each(z, ids).mean(),
        ),
        WrongAnswer(
            "mean over the padding too",
            "the losses of the padding are set to 0 but still divide the sum: divide by the number "
            "of real targets",
            lambda z, ids: (each(z, ids) * (ids[:, 1:] != pad)).mean(),
        ),
        WrongAnswer(
            "reshaped",
            "reshape to (B, V, T) mixes positions and classes: the class axis is moved by a "
            "transpose, or B and T are flattened into one",
            reshaped,
        ),
        WrongAnswer(
            "sum",
            "this is the sum of the losses: divide it by the number of real targets",
            lambda z, ids: (each(z, ids) * (ids[:, 1:] != pad)).sum(),
        ),
        WrongAnswer(
            "mean of means",
            "you average each row and then the rows, so a token in a short text weighs more: take "
            "one mean over all real targets",
            row_means,
        ),
        WrongAnswer(
            "padding judged by the input",
            "one padding a row still counts, the one right after the text: what matters is whether "
            "the target is padding, not the input",
            by_input,
        ),
        WrongAnswer(
            "softmax twice",
            "cross_entropy takes logits and applies the softmax itself: you have applied it before",
            lambda z, ids: F.cross_entropy(
                z[:, :-1].softmax(-1).transpose(1, 2), ids[:, 1:], ignore_index=pad
            ),
        ),
    )
    hints = (
        "What should the model say at the last real token of a text? And at the last position of "
        "the window, where nothing follows?",
        "Pair `z[:, :-1]` with `ids[:, 1:]`. `cross_entropy` wants the classes on axis 1, or everything "
        "flattened to `(N, V)` and `(N,)`.",
        f"`F.cross_entropy` has an argument `ignore_index`: give it {pad} and it averages over the "
        "other targets only.",
    )
    return Exercise("11.7", "The loss that is missing", 5, 25, 2, inputs, expected, wrong, hints)

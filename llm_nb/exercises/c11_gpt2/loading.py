"""Exercise 11.5: reading weights that lie transposed."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer
from llm_nb.models.layouts import gpt2_table

Weights = dict[str, Tensor]
TRANSPOSED = re.compile(r"c_(attn|proj|fc)\.weight$")
BUFFER = re.compile(r"\.attn\.bias$")


def loading_exercise(prefix: str) -> Exercise:
    """11.5: from the released file's names and layout to those of ``nn.Linear``."""

    def inputs(draw: Draw) -> tuple[Weights]:
        C, context, vocab_size = draw.choice((4, 6)), draw.integer(7, 9), draw.integer(10, 13)
        weights = {"wte.weight": draw.normal(vocab_size, C), "wpe.weight": draw.normal(context, C)}
        for layer in range(draw.integer(1, 2)):
            shapes = {"attn.c_attn": (C, 3 * C), "attn.c_proj": (C, C)}
            shapes |= {"mlp.c_fc": (C, 4 * C), "mlp.c_proj": (4 * C, C)}
            for name, shape in shapes.items():
                weights[f"h.{layer}.{name}.weight"] = draw.normal(*shape)
                weights[f"h.{layer}.{name}.bias"] = draw.normal(shape[1])
            for name in ("ln_1", "ln_2"):
                weights[f"h.{layer}.{name}.weight"] = draw.normal(C)
                weights[f"h.{layer}.{name}.bias"] = draw.normal(C)
            weights[f"h.{layer}.attn.bias"] = torch.ones(context, context).tril()[None, None]
        weights |= {"ln_f.weight": draw.normal(C), "ln_f.bias": draw.normal(C)}
        file = {prefix + name: weight for name, weight in weights.items()}
        return (file | {"lm_head.weight": weights["wte.weight"].clone()},)

    def expected(file: Weights) -> Weights:
        n_layers = sum(name.endswith("ln_1.bias") for name in file)
        needed = {}
        for theirs in gpt2_table(n_layers).values():
            name = theirs.names[0].removeprefix("transformer.")
            weight = file[prefix + name]
            needed[name] = weight.T if theirs.transposed else weight
        return needed

    def converted(
        file: Weights,
        turned: Callable[[str, Tensor], bool] = lambda name, w: bool(TRANSPOSED.search(name)),
        dropped: Callable[[str], bool] = lambda name: bool(BUFFER.search(name)),
        turn: Callable[[Tensor], Tensor] = torch.t,
        renamed: Callable[[str], str] = lambda name: name.removeprefix(prefix),
        head: bool = False,
    ) -> Weights:
        kept = {name: w for name, w in file.items() if not dropped(name)}
        if not head:
            del kept["lm_head.weight"]
        return {renamed(name): turn(w) if turned(name, w) else w for name, w in kept.items()}

    wrong = (
        WrongAnswer(
            "every matrix transposed",
            "the two tables are transposed as well: wte and wpe are embeddings, stored row by row "
            "in both layouts",
            lambda file: converted(file, turned=lambda name, w: w.dim() == 2),
        ),
        WrongAnswer(
            "square matrix left alone",
            "attn.c_proj is not transposed: it is square, so its shape fits either way, and only "
            "its name tells you",
            lambda file: converted(
                file,
                turned=lambda name, w: bool(TRANSPOSED.search(name)) and w.size(0) != w.size(1),
            ),
        ),
        WrongAnswer(
            "both c_proj left alone",
            "the matrices named c_proj are not transposed: both attention and the feed-forward "
            "layer have one",
            lambda file: converted(
                file, turned=lambda name, w: bool(re.search(r"c_(attn|fc)\.weight$", name))
            ),
        ),
        WrongAnswer(
            "nothing transposed",
            "no matrix is transposed: the file has (in, out), nn.Linear wants (out, in)",
            lambda file: converted(file, turned=lambda name, w: False),
        ),
        WrongAnswer(
            "reshaped",
            "the shapes are right and the numbers are in the wrong places: reshape reads them in "
            "the same order as before, a transpose swaps rows and columns",
            lambda file: converted(file, turn=lambda w: w.reshape(w.size(1), w.size(0))),
        ),
        WrongAnswer(
            "mask kept",
            "h.N.attn.bias is kept: it is no weight but the causal mask, stored with the model",
            lambda file: converted(file, dropped=lambda name: False),
        ),
        WrongAnswer(
            "too many biases dropped",
            "biases of c_attn or c_proj are missing: only the name that ends in .attn.bias is "
            "the mask",
            lambda file: converted(file, dropped=lambda name: ".attn." in name and "bias" in name),
        ),
        WrongAnswer(
            "output layer kept",
            "lm_head.weight is kept: it is the token table once more, since the two are tied",
            lambda file: converted(file, head=True),
        ),
        WrongAnswer(
            "prefix kept",
            f"the names still begin with {prefix!r}: take it off",
            lambda file: converted(file, renamed=lambda name: name),
        ),
    )
    hints = (
        "Print the names and shapes of an input first. Which belong together, and which do not "
        "look like weights?",
        "Go through the names one by one and build a new dict. Leave out two kinds of names; of "
        "those that stay, decide by the name, never by the shape, whether to transpose.",
        "The matrices to transpose are the weights whose names hold `c_attn`, `c_proj` or `c_fc`. "
        "Drop `lm_head.weight` and what ends in `.attn.bias`; `removeprefix` does the rest.",
    )
    return Exercise(
        "11.5", "Weights that lie on their side", 4, 20, 2, inputs, expected, wrong, hints
    )

"""The live figure of decoding: one token by the dials, several by beam search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from llm_nb.display import figures
from llm_nb.display.live.frame import pack, show_live, visible
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.modes import evaluating
from llm_nb.text.bpe import ByteLevelBPE
from llm_nb.text.vocabulary import BEGIN, Vocabulary

WIDEST, LONGEST = 4, 5  # beams and tokens that the reader can ask for
Path = tuple[int, ...]  # the ids of a continuation
Truth = Callable[[list[str]], dict[str, float]]


def token_names(tokenizer: ByteLevelBPE | Vocabulary) -> list[str]:
    """The text of every id in order; bytes that are no whole character are written as ``\\xe2``."""
    if isinstance(tokenizer, Vocabulary):
        return list(tokenizer.tokens)
    count = tokenizer.vocab_size
    return [tokenizer.token_bytes(i).decode(errors="backslashreplace") for i in range(count)]


def prompt_ids(tokenizer: ByteLevelBPE | Vocabulary, prompt: str) -> list[int]:
    """The ids of a prompt: of its words after ``<s>`` where the vocabulary is one of words.

    Raises:
        ValueError: the prompt is empty, or has a word that the vocabulary does not know.
    """
    if not prompt.strip():
        raise ValueError("a prompt is empty: begin with at least one token")
    if not isinstance(tokenizer, Vocabulary):
        return tokenizer.encode(prompt)
    words = prompt.split()
    if unknown := [word for word in words if word not in tokenizer]:
        raise ValueError(f"the vocabulary does not know {unknown[0]!r}: write prompts of its words")
    return [tokenizer.special_tokens[BEGIN], *tokenizer.encode(words)]


@torch.no_grad()
def next_logits(model: GPT2, ids: Sequence[int]) -> Tensor:
    """Logits (V) of the token after ``ids``, without dropout."""
    with evaluating(model):
        return model(torch.tensor([list(ids)], device=model.device))[0, -1].float().cpu()


def search_tree(
    model: GPT2, ids: Sequence[int], stop: int | None = None
) -> dict[Path, list[tuple[int, float]]]:
    """Every distribution that a beam search of 1 to 4 beams and 1 to 5 tokens asks for.

    Returns:
        continuation → its 8 most probable next ids with their log-probabilities, best first. No
        search needs more: of K beams it looks at the 2K best ways to go on.
    """
    tree: dict[Path, list[tuple[int, float]]] = {}

    def after(path: Path) -> list[tuple[int, float]]:
        if path not in tree:
            best = next_logits(model, [*ids, *path]).log_softmax(-1).topk(2 * WIDEST)
            # Rounded here, so that the page ranks the same sums.
            rounded = [round(lp, 6) for lp in best.values.tolist()]
            tree[path] = list(zip(best.indices.tolist(), rounded, strict=True))
        return tree[path]

    for beams in range(1, WIDEST + 1):
        running: list[tuple[float, Path]] = [(0.0, ())]
        for _ in range(LONGEST):
            ways = [(s + lp, (*path, id_)) for s, path in running for id_, lp in after(path)]
            ways = sorted(ways, key=lambda way: -way[0])
            running = [way for way in ways if way[1][-1] != stop][:beams]
    return tree


def decoding_data(
    model: GPT2,
    tokenizer: ByteLevelBPE | Vocabulary,
    prompts: Sequence[str],
    *,
    stop: str | None = None,
    truth: Truth | None = None,
    view: Literal["sampling", "beams"] = "sampling",
) -> dict[str, Any]:
    """What decoding.js needs: for each prompt all logits and the tree of its beam searches.

    Args: as :func:`decoding`.

    Raises:
        ValueError: there is no prompt, ``stop`` is not one token, or a prompt is empty, has an
            unknown word, or is so long that five more tokens are over the model's context.
    """
    if not prompts:
        raise ValueError("there is no prompt: give at least one")
    names = token_names(tokenizer)
    if stop is not None and stop not in names:
        raise ValueError(f"stop is {stop!r}, which is no token: name one of the vocabulary")
    end = None if stop is None else names.index(stop)
    made = []
    for prompt in prompts:
        ids = prompt_ids(tokenizer, prompt)
        if len(ids) + LONGEST > model.context:
            raise ValueError(
                f"a prompt of {len(ids)} tokens and {LONGEST} more are over the context of "
                f"{model.context}: shorten it"
            )
        known = None if truth is None else _known(truth, prompt.split(), names)
        tree: dict[str, list[list[float]]] = {}
        for path, children in search_tree(model, ids, end).items():
            rows: list[list[float]] = [[id_, lp] for id_, lp in children]
            if known is not None:
                true = known(path)
                rows = [[*row, true.get(int(row[0]), 0.0)] for row in rows]
            tree[" ".join(map(str, path))] = rows
        one = {
            "text": prompt,
            "id": ids[-1],
            "logits": pack(next_logits(model, ids)),
            "tree": tree,
        }
        if known is not None:
            one["truth"] = list(map(list, known(()).items()))
        made.append(one)
    joint = " " if isinstance(tokenizer, Vocabulary) else ""
    return {
        "names": names,
        "joint": joint,
        "stop": end,
        "view": view,
        "widest": WIDEST,
        "longest": LONGEST,
        "prompts": made,
    }


def _known(truth: Truth, words: list[str], names: list[str]) -> Callable[[Path], dict[int, float]]:
    """Path → what the language itself gives each next id; nothing after what it never says."""
    number = {name: i for i, name in enumerate(names)}

    def known(path: Path) -> dict[int, float]:
        try:
            probs = truth([*words, *(names[i] for i in path)])
        except ValueError:
            return {}
        return {number[word]: round(p, 8) for word, p in probs.items()}

    return known


def decoding(
    model: GPT2,
    tokenizer: ByteLevelBPE | Vocabulary,
    prompts: Sequence[str],
    *,
    stop: str | None = None,
    truth: Truth | None = None,
    view: Literal["sampling", "beams"] = "sampling",
) -> None:
    """Show decoding live: the dials of sampling over a prompt's next token, and beam search.

    Args:
        model: asked once, now, for the distributions after the prompts and in their trees.
        tokenizer: byte-level BPE, or a vocabulary of words that has ``<s>``; then a prompt is
            words and marks between spaces.
        prompts: what the reader can choose from; the picture is of the first. A prompt that ends
            with a space would ask for a token that begins without one, which is rare.
        stop: the token that ends a continuation in beam search.
        truth: the words so far → the probability that the language itself gives each next word,
            ``next_words`` of the microworld.
        view: what to begin with.

    Raises:
        ValueError: as :func:`decoding_data`.
    """
    data = decoding_data(model, tokenizer, prompts, stop=stop, truth=truth, view=view)
    names = data["names"]
    probs = next_logits(model, prompt_ids(tokenizer, prompts[0])).softmax(-1)
    values, best = (part.tolist() for part in probs.topk(10))
    labels = [visible(names[i]) for i in best]
    entropy = float(torch.special.entr(probs).sum() / torch.log(torch.tensor(2.0)))
    show_live(
        "decoding",
        data,
        title="Live figure: decoding, from probabilities to tokens",
        picture=figures.bars(labels, values, xlabel="probability", monospace=True),
        alt=f"The ten most probable next tokens after “{' '.join(prompts[0].split()[-8:]).lstrip(' .,')}”: "
        f"first “{labels[0]}” with {values[0]:.2f} and “{labels[1]}” with {values[1]:.2f}; the other "
        f"{len(names) - 10:,} tokens have {1 - sum(values):.2f} together, and the entropy is "
        f"{entropy:.1f} bits.",
    )

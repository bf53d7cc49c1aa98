"""Writing with a GPT-2 of 124 million weights: this package against `transformers`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
import transformers
from run import Comparison
from torch import Tensor, nn

from llm_nb.data.batches import consecutive_windows, token_stream
from llm_nb.data.corpora import standard_library
from llm_nb.generation import generate
from llm_nb.metrics import model_bits_per_byte
from llm_nb.models.gpt2 import GPT2, SIZES
from llm_nb.models.inference import FastGPT2
from llm_nb.models.pretrained import from_pretrained, to_hugging_face
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

PROMPT, NEW = 4, {1: 64, 8: 24}  # tokens of a prompt; new ones, by batch


class Whole(nn.Module):
    """All logits of a FastGPT2, for measuring its loss."""

    def __init__(self, fast: FastGPT2) -> None:
        super().__init__()
        self.fast = fast

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, T, V)."""
        return self.fast.head(self.fast.body(ids))


def loss_in_int8() -> str:
    """Held-out bits per byte of the book's trained GPT-2, before and after."""
    model, tokenizer = from_pretrained(GPT2, SHIPPED), ByteLevelBPE.load(SHIPPED / "tokenizer.json")
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = token_stream(tokenizer.encode, standard_library().validation[:60], end)
    windows = list(islice(consecutive_windows(ids, model.config.context, 16), 12))
    whole, small = (
        model_bits_per_byte(m, windows, tokenizer.byte_lengths)
        for m in (model, Whole(FastGPT2(model, rows=16, int8=True)))
    )
    n_tokens = sum(targets.numel() for _, targets in windows)
    return (
        f"What int8 costs, on the GPT-2 that comes with the book ({model.config.d_model} wide, "
        f"trained on Python source): {whole:.4f} bits per byte on {n_tokens:,} held-out tokens in "
        f"float32, {small:.4f} in int8, {100 * (small / whole - 1):+.2f} %."
    )


def comparisons() -> Iterator[Comparison]:
    """One text at a time, then eight."""
    torch.manual_seed(0)
    ours = GPT2(SIZES["gpt2"]).eval()
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(eos_token_id=None, bos_token_id=None)
    ).eval()
    theirs.load_state_dict(to_hugging_face(ours), strict=False)
    weights = torch.cat([p.detach().flatten() for p in ours.parameters()])
    note = loss_in_int8()
    for batch, new in NEW.items():
        prompt = torch.randint(ours.config.vocab_size, (batch, PROMPT))
        mask = torch.ones_like(prompt)
        fast, int8 = FastGPT2(ours, rows=batch), FastGPT2(ours, rows=batch, int8=True)

        def hugging_face(prompt: Tensor = prompt, mask: Tensor = mask, new: int = new) -> Tensor:
            return theirs.generate(
                prompt, attention_mask=mask, max_new_tokens=new, do_sample=False, pad_token_id=0
            )

        def write(model: GPT2 | FastGPT2, prompt: Tensor = prompt, new: int = new) -> Tensor:
            return generate(model, prompt, new, temperature=0)

        def read_weights(new: int = new) -> None:
            for _ in range(new):
                weights.sum()

        assert torch.equal(write(fast), hugging_face()), "other ids: not the same work"
        yield Comparison(
            f"Writing {new} tokens with a GPT-2 of 124M, batch {batch}",
            batch * new,
            "tokens",
            {
                "llm-nb, FastGPT2, float32": lambda fast=fast, write=write: write(fast),
                "llm-nb, GPT2 as the chapter has it": lambda write=write: write(ours),
                "llm-nb, FastGPT2, int8": lambda int8=int8, write=write: write(int8),
                "transformers, generate": hugging_face,
                "reading every weight once a step (torch.sum)": read_weights,
            },
            ("llm-nb", "transformers", "torch"),
            f"Greedy, prompts of {PROMPT} tokens, equal ids. {note if batch == 1 else ''}".strip(),
        )

"""The leak of the language reference, shown once; and that new text is not called known."""

import random

import pytest

from llm_nb.data.corpora import PSF, language_reference, reference_topics, split_as_it_is
from llm_nb.metrics.leaks import leak_bits_per_byte


def test_repeated_paragraphs_make_a_held_out_text_known():
    """Measured on Python 3.11: xz 0.27 bits per byte with repetitions, 1.82 without; 8-grams of
    bytes 0.87 and 1.62."""
    as_it_is = split_as_it_is("language-reference", reference_topics(), PSF)
    mended = language_reference()
    leaked, honest = (leak_bits_per_byte(c.train, c.validation) for c in (as_it_is, mended))
    assert leaked.xz < 0.6 * honest.xz
    assert leaked.counting < 0.6 * honest.counting


def test_a_text_that_was_seen_costs_little_and_noise_all_its_bits():
    text = " ".join(str(i * i) for i in range(3000))
    assert leak_bits_per_byte([text], [text[5000:10000]]).xz < 0.1
    noise = "".join(random.Random(0).choices("abcdefghijklmnop", k=3000))  # 4 bits each
    assert min(leak_bits_per_byte([text], [noise])) > 3.9


def test_parts_must_hold_text():
    with pytest.raises(ValueError, match="no text in one of the two parts"):
        leak_bits_per_byte(["a"], [])

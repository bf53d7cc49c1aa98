"""WordPiece, as BERT uses it.

Text is split into words (``wordpiece_basic``), and each word from left to right into the longest
pieces that the vocabulary has; a piece that does not begin its word is written with ``##``
(Schuster & Nakajima 2012, section 3; Wu et al. 2016, section 4.1; Devlin et al. 2019, section 3).
A sentence becomes ``[CLS] … [SEP]``, a pair ``[CLS] … [SEP] … [SEP]``.

The ids, segments, offsets and word ids are those of Hugging Face's fast tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from llm_nb.text import wordpiece_files
from llm_nb.text.specials import split_at_specials
from llm_nb.text.wordpiece_basic import BasicTokenizer
from llm_nb.text.wordpiece_encoding import (
    Batch,
    Encoding,
    LocatedPiece,
    joined,
    lengths_that_fit,
    padded,
    readable,
)
from llm_nb.text.wordpiece_training import Score, count_words, learn_pieces, likelihood_gain

PREFIX = "##"
PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_WORD = 100  # characters; a longer word is [UNK] at once (the release's limit)

_MAX_CACHE = 1 << 20  # bounds memory on endless streams
Pieces = tuple[list[int], list[int]]  # of a word: ids, and how many characters each stands for


class WordPiece:
    """A WordPiece tokenizer.

    Args:
        tokens: the vocabulary, in the order of the ids.
        basic: how text is split into words; BERT's uncased way by default.
        special_tokens: any beside BERT's five; they too stand in ``tokens``.
        max_word: a longer word is [UNK].

    Raises:
        ValueError: a token stands twice, or a special token is missing.

    >>> tokenizer = WordPiece([*SPECIAL_TOKENS, "un", "##aff", "##able"])
    >>> tokenizer.tokenize("Unaffable!")
    ['un', '##aff', '##able', '[UNK]']
    >>> tokenizer.encode("unable")
    [2, 5, 7, 3]
    """

    def __init__(
        self,
        tokens: Sequence[str],
        basic: BasicTokenizer | None = None,
        special_tokens: Sequence[str] = (),
        max_word: int = MAX_WORD,
    ) -> None:
        self.tokens = list(tokens)
        self.vocab = {token: i for i, token in enumerate(self.tokens)}
        if len(self.vocab) != len(self.tokens) or "" in self.vocab:
            twice = [t for i, t in enumerate(self.tokens) if self.vocab[t] != i or not t]
            raise ValueError(
                f"token {twice[0]!r} is empty or stands more than once in the vocabulary: "
                "each line must be another token"
            )
        needed = dict.fromkeys([*SPECIAL_TOKENS, *special_tokens])
        if missing := [token for token in needed if token not in self.vocab]:
            raise ValueError(
                f"the vocabulary of {len(self.tokens)} tokens has no {', '.join(missing)}: "
                "this is not BERT's WordPiece, or the file is cut short"
            )
        self.basic = basic or BasicTokenizer()
        self.max_word = max_word
        self.special_tokens = {token: self.vocab[token] for token in needed}
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self.vocab[token] for token in SPECIAL_TOKENS
        )
        self._longest = max(map(len, self.tokens))
        self._cache: dict[str, Pieces] = {}

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return len(self.tokens)

    def _pieces(self, word: str) -> Pieces:
        known = self._cache.get(word)
        if known is None:
            known = self._cut(word)
            if len(self._cache) < _MAX_CACHE:
                self._cache[word] = known
        return known

    def _cut(self, word: str) -> Pieces:
        """The longest piece that fits, again and again; [UNK] for all if one is missing."""
        ids, lengths, start, prefix = [], [], 0, ""
        while start < len(word) <= self.max_word:
            for end in range(min(len(word), start + self._longest), start, -1):
                token = self.vocab.get(prefix + word[start:end])
                if token is not None:
                    break
            else:
                break
            ids.append(token)
            lengths.append(end - start)
            start, prefix = end, PREFIX
        return (ids, lengths) if start == len(word) else ([self.unk_id], [len(word)])

    def _ids(self, text: str, allowed_special: Iterable[str]) -> list[int]:
        ids: list[int] = []
        for i, part in enumerate(split_at_specials(text, allowed_special, self.special_tokens)):
            if i % 2:
                ids.append(self.special_tokens[part])
            else:
                for word in self.basic.split(part):
                    ids += self._pieces(word)[0]
        return ids

    def tokenize(self, text: str, *, allowed_special: Iterable[str] = ()) -> list[str]:
        """The pieces of ``text`` as strings, without [CLS] and [SEP]."""
        return [self.tokens[i] for i in self._ids(text, allowed_special)]

    def encode(
        self,
        text: str,
        pair: str | None = None,
        *,
        max_length: int | None = None,
        allowed_special: Iterable[str] = (),
    ) -> list[int]:
        """The ids of ``text``, or of a pair of texts, with [CLS] and [SEP].

        A special token's string inside the text is ordinary text, ``[``, ``mask``, ``]``, unless
        it is named in ``allowed_special``: what a user types can then never end a sentence.
        (Hugging Face always reads it as the special token.) With ``max_length``, what is longer
        is cut, the longer text of a pair first.

        Raises:
            ValueError: the text holds a lone surrogate, ``max_length`` has no room for [CLS] and
                [SEP], or an allowed special is unknown.
        """
        parts = [self._ids(t, allowed_special) for t in (text, pair) if t is not None]
        lengths = lengths_that_fit([len(p) for p in parts], max_length)
        kept = [[*p[:n], self.sep_id] for p, n in zip(parts, lengths, strict=True)]
        return [self.cls_id, *chain.from_iterable(kept)]

    def encoding(
        self,
        text: str,
        pair: str | None = None,
        *,
        max_length: int | None = None,
        allowed_special: Iterable[str] = (),
    ) -> Encoding:
        """As ``encode``, with segments, and where in its text each token stands.

        >>> tokenizer = WordPiece([*SPECIAL_TOKENS, "un", "##able", "to"])
        >>> tokenizer.encoding("Unable to").offsets
        [(0, 0), (0, 2), (2, 6), (7, 9), (0, 0)]
        """
        parts = [self._located(t, allowed_special) for t in (text, pair) if t is not None]
        return joined(parts, self.cls_id, self.sep_id, max_length)

    def encode_words(self, words: Sequence[str], *, max_length: int | None = None) -> Encoding:
        """A sentence that is split into words already, as data sets of entities and tags are.

        ``word_ids`` then says to which of ``words`` each piece belongs, and so which label it
        has; the offsets count within the word. A word can yield no piece (a lone control).
        """
        rows = []
        for index, word in enumerate(words):
            rows += [(token, span, index) for token, span, _ in self._located(word, ())]
        return joined([rows], self.cls_id, self.sep_id, max_length)

    def _located(self, text: str, allowed_special: Iterable[str]) -> list[LocatedPiece]:
        rows: list[LocatedPiece] = []
        begin = index = 0
        for i, part in enumerate(split_at_specials(text, allowed_special, self.special_tokens)):
            if i % 2:
                rows.append((self.special_tokens[part], (begin, begin + len(part)), index))
                index += 1
            else:
                for word, sources in self.basic.words(part):
                    at = 0
                    for token, length in zip(*self._pieces(word), strict=True):
                        first, last = sources[at], sources[at + length - 1]
                        rows.append((token, (begin + first, begin + last + 1), index))
                        at += length
                    index += 1
            begin += len(part)
        return rows

    def pad(self, encodings: Sequence[Encoding], length: int | None = None) -> Batch:
        """Encodings as one batch (B, T), padded on the right to ``length`` or to the longest.

        Raises:
            ValueError: there is no encoding, or one is longer than ``length``.
        """
        return padded(encodings, self.pad_id, length)

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Readable text of ``ids``: pieces joined, no space before ``. , ! ?``.

        What the basic tokenizer dropped (capitals, accents, spacing) does not come back.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        chosen = list(map(int, ids))
        if wrong := [i for i in chosen if not 0 <= i < len(self.tokens)]:
            raise ValueError(
                f"id {wrong[0]} is outside the vocabulary: ids run from 0 to {len(self.tokens) - 1}"
            )
        tokens = [self.tokens[i] for i in chosen]
        return readable(t for t in tokens if not (skip_special and t in self.special_tokens))

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        basic: BasicTokenizer | None = None,
        *,
        special_tokens: Sequence[str] = (),
        min_count: int = 2,
        score: Score = likelihood_gain,
    ) -> WordPiece:
        """Learn a vocabulary of ``vocab_size`` tokens; see ``wordpiece_training.learn_pieces``.

        Raises:
            ValueError: the texts are empty, or ``vocab_size`` has no room for the special tokens
                and the characters.
        """
        basic = basic or BasicTokenizer()
        special = list(dict.fromkeys([*SPECIAL_TOKENS, *special_tokens]))
        counts = count_words(map(basic.split, texts))
        pieces = learn_pieces(counts, vocab_size - len(special), min_count=min_count, score=score)
        return cls([*special, *pieces], basic, special)

    def save(self, path: str | Path) -> None:
        """Write one ``tokenizer.json`` in the format of Hugging Face's ``tokenizers``."""
        wordpiece_files.write_tokenizer_json(
            path, self.tokens, self.special_tokens, self.basic, self.max_word
        )

    def save_folder(self, folder: str | Path) -> None:
        """Write what ``transformers`` reads: tokenizer.json, vocab.txt, tokenizer_config.json."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        wordpiece_files.write_vocab(Path(folder, "vocab.txt"), self.tokens)
        wordpiece_files.write_config(Path(folder, "tokenizer_config.json"), self.basic)
        self.save(Path(folder, "tokenizer.json"))

    @classmethod
    def load(cls, path: str | Path) -> WordPiece:
        """Read a ``tokenizer.json``; its truncation and padding are left to the caller.

        Raises:
            ValueError: the file is cut short, or describes something that is not BERT's way.
        """
        return cls(*wordpiece_files.read_tokenizer_json(path))

    @classmethod
    def from_vocab(cls, path: str | Path, basic: BasicTokenizer | None = None) -> WordPiece:
        """Read a ``vocab.txt``, one token a line; it does not say how to split text."""
        return cls(wordpiece_files.read_vocab(path), basic)

    @classmethod
    def from_folder(cls, folder: str | Path) -> WordPiece:
        """Read a model's folder: its tokenizer.json, or else its vocab.txt.

        Where tokenizer_config.json disagrees on how to split text it wins, as in ``transformers``.

        Raises:
            ValueError: neither is there, or a file is damaged.
        """
        whole, vocab = (Path(folder, name) for name in ("tokenizer.json", "vocab.txt"))
        if not (whole.exists() or vocab.exists()):
            raise ValueError(
                f"{folder} has neither tokenizer.json nor vocab.txt: is it the folder?"
            )
        tokenizer = cls.load(whole) if whole.exists() else cls.from_vocab(vocab)
        tokenizer.basic = wordpiece_files.read_config(folder, tokenizer.basic)
        return tokenizer

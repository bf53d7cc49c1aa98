"""What stands on a BERT: pre-training (Devlin et al. 2019, section 3.1) and fine-tuning (3.2).

Each class has ``forward``, giving logits, and ``loss(batch)``, which compares real tokens only:
what stands at padding counts in no loss. A label of −100 is no label.

B batch · T positions · N real tokens of the batch · C = d_model · V vocabulary · K labels
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.attention import Backend
from llm_nb.models.bert import Bert, BertConfig, BertEncoder, initialise
from llm_nb.models.checks import check_range
from llm_nb.models.chunked_loss import IGNORE, vocabulary_loss


class BertBatch(NamedTuple):
    """What every ``loss`` but that of ``BertForPreTraining`` takes."""

    ids: Tensor  # (B, T)
    labels: Tensor  # shape and meaning as the class says
    attention_mask: Tensor | None = None  # (B, T), 1 at real tokens
    segments: Tensor | None = None  # (B, T)


class PreTrainingBatch(NamedTuple):
    """Both tasks at once."""

    ids: Tensor  # (B, T), some of them masked
    labels: Tensor  # (B, T), the masked tokens, −100 elsewhere
    next_labels: Tensor  # (B,), 0 where the second sentence follows the first, else 1
    attention_mask: Tensor | None = None
    segments: Tensor | None = None


class PreTrainingLogits(NamedTuple):
    """What ``BertForPreTraining`` returns."""

    words: Tensor  # (B, T, V)
    next_sentence: Tensor  # (B, 2)


def mean_pool(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean vector (B, C) of the real tokens of hidden (B, T, C): a sentence's embedding
    (Reimers & Gurevych 2019, section 3).

    Raises:
        ValueError: the mask is not (B, T), or a row of it has no real token.
    """
    if attention_mask.shape != hidden.shape[:2]:
        raise ValueError(
            f"attention_mask has shape {tuple(attention_mask.shape)}, needed {tuple(hidden.shape[:2])}"
        )
    real = (attention_mask != 0)[:, :, None]  # (B, T, 1)
    if not real.any(1).all():
        raise ValueError("a row of attention_mask has no real token: leave such rows out")
    return (hidden * real).sum(1) / real.sum(1)


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy, in nats, of logits (M, K) over the labels (M,) that are not −100.

    Raises:
        ValueError: no label is left, or one is outside 0 … K − 1.
    """
    chosen = _checked(labels[labels != IGNORE], logits.size(1))
    return F.cross_entropy(logits[labels != IGNORE].float(), chosen)


def _checked(labels: Tensor, n: int) -> Tensor:
    if not len(labels):
        raise ValueError("no label to learn from: all are −100 or at padding")
    check_range("label", labels, n, "check the configuration's labels; −100 marks what is none")
    return labels


class WordHead(nn.Module):
    """Vectors → logits over the vocabulary, whose matrix is that of the word vectors."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.d_model, config.d_model)
        self.ln = nn.LayerNorm(config.d_model, eps=config.eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        initialise(self.dense)

    def forward(self, x: Tensor, word_vectors: Tensor) -> Tensor:
        """x (M, C), word_vectors (V, C) → (M, V)."""
        return F.linear(self._transform(x), word_vectors, self.bias)

    def loss(self, x: Tensor, word_vectors: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of x (N, C) against labels (N,); logits of the labelled alone."""
        labelled = labels != IGNORE
        chosen = _checked(labels[labelled], len(word_vectors))
        return vocabulary_loss(self._transform(x[labelled]), word_vectors, chosen, self.bias)

    def _transform(self, x: Tensor) -> Tensor:
        return self.ln(F.gelu(self.dense(x)))


class BertForMaskedLM(nn.Module):
    """Which word stood here? (section 3.1, task 1)"""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = BertEncoder(config)
        self.words = WordHead(config)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Logits (B, T, V), zeros at padding; arguments as in ``Bert``, here and below."""
        x, packing = self.encoder.packed(ids, attention_mask, segments, backend)
        return packing.unpack(self.words(x, self.encoder.word.weight))

    def loss(self, batch: BertBatch) -> Tensor:
        """Mean cross-entropy, in nats, over the masked tokens: labels (B, T), −100 elsewhere."""
        x, packing = self.encoder.packed(batch.ids, batch.attention_mask, batch.segments)
        labels = packing.pack(_of_shape(batch.labels, batch.ids.shape))
        return self.words.loss(x, self.encoder.word.weight, labels)


class BertForNextSentence(nn.Module):
    """Does the second sentence follow the first? (section 3.1, task 2)"""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.next_sentence = nn.Linear(config.d_model, 2)
        initialise(self.next_sentence)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Logits (B, 2); class 0 is "it follows"."""
        x, packing = self.bert.encoder.packed(ids, attention_mask, segments, backend)
        return self.next_sentence(self.bert.pool(x, packing))

    def loss(self, batch: BertBatch) -> Tensor:
        """Mean cross-entropy of labels (B,): 0 where the second follows the first, else 1."""
        logits = self(batch.ids, batch.attention_mask, batch.segments)
        return mean_cross_entropy(logits, _of_shape(batch.labels, batch.ids.shape[:1]))


class BertForPreTraining(nn.Module):
    """Both tasks of section 3.1; their losses are summed (appendix A.2)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.words = WordHead(config)
        self.next_sentence = nn.Linear(config.d_model, 2)
        initialise(self.next_sentence)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> PreTrainingLogits:
        """Logits of both tasks."""
        x, packing = self.bert.encoder.packed(ids, attention_mask, segments, backend)
        words = packing.unpack(self.words(x, self.bert.encoder.word.weight))
        return PreTrainingLogits(words, self.next_sentence(self.bert.pool(x, packing)))

    def loss(self, batch: PreTrainingBatch) -> Tensor:
        """The mean over the masked tokens plus the mean over the sentence pairs."""
        x, packing = self.bert.encoder.packed(batch.ids, batch.attention_mask, batch.segments)
        labels = packing.pack(_of_shape(batch.labels, batch.ids.shape))
        next_logits = self.next_sentence(self.bert.pool(x, packing))
        return self.words.loss(x, self.bert.encoder.word.weight, labels) + mean_cross_entropy(
            next_logits, _of_shape(batch.next_labels, batch.ids.shape[:1])
        )


class BertForSequenceClassification(nn.Module):
    """One label for the whole input, from the pooled vector (section 4.1).

    With a single label in the configuration it predicts a number instead, as STS-B wants.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.dropout = nn.Dropout(config.head_dropout)
        self.classifier = nn.Linear(config.d_model, len(config.labels))
        initialise(self.classifier)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Logits (B, K)."""
        x, packing = self.bert.encoder.packed(ids, attention_mask, segments, backend)
        return self.classifier(self.dropout(self.bert.pool(x, packing)))

    def loss(self, batch: BertBatch) -> Tensor:
        """Mean cross-entropy of labels (B,); with one label the mean squared error."""
        logits = self(batch.ids, batch.attention_mask, batch.segments)
        labels = _of_shape(batch.labels, batch.ids.shape[:1])
        if len(self.config.labels) == 1:
            return F.mse_loss(logits[:, 0].float(), labels.float())
        return mean_cross_entropy(logits, labels)


class BertForTokenClassification(nn.Module):
    """One label for each token, from its hidden vector (section 5.3)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = BertEncoder(config)
        self.dropout = nn.Dropout(config.head_dropout)
        self.classifier = nn.Linear(config.d_model, len(config.labels))
        initialise(self.classifier)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Logits (B, T, K), zeros at padding."""
        x, packing = self.encoder.packed(ids, attention_mask, segments, backend)
        return packing.unpack(self.classifier(self.dropout(x)))

    def loss(self, batch: BertBatch) -> Tensor:
        """Mean cross-entropy of labels (B, T), −100 where a token has none."""
        x, packing = self.encoder.packed(batch.ids, batch.attention_mask, batch.segments)
        labels = packing.pack(_of_shape(batch.labels, batch.ids.shape))
        return mean_cross_entropy(self.classifier(self.dropout(x)), labels)


class BertForQuestionAnswering(nn.Module):
    """Where in the text does the answer begin and end? (section 4.2)"""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = BertEncoder(config)
        self.span = nn.Linear(config.d_model, 2)
        initialise(self.span)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Logits (B, T, 2) of start and end, −∞ at padding, where no answer can stand."""
        x, packing = self.encoder.packed(ids, attention_mask, segments, backend)
        real = packing.unpack(torch.ones_like(x[:, :1])).bool()  # (B, T, 1)
        return packing.unpack(self.span(x)).masked_fill(~real, -torch.inf)

    def loss(self, batch: BertBatch) -> Tensor:
        """Mean of the cross-entropies of start and end, labels (B, 2).

        A position below 0 counts as 0, which is [CLS]: no answer. One of T or more lies outside
        this window and is no label.
        """
        labels = _of_shape(batch.labels, torch.Size([len(batch.ids), 2]))
        logits = self(batch.ids, batch.attention_mask, batch.segments).float()  # (B, T, 2)
        T = logits.size(1)
        labels = labels.clamp(0, T)
        at = logits.gather(1, labels.clamp(max=T - 1)[:, None]).squeeze(1)  # (B, 2)
        if bool((at.isinf() & (labels < T)).any()):
            raise ValueError("an answer begins or ends at padding: check the positions")
        labels = labels.masked_fill(labels == T, IGNORE)
        start, end = (mean_cross_entropy(logits[..., i], labels[:, i]) for i in (0, 1))
        return (start + end) / 2


def _of_shape(labels: Tensor, shape: torch.Size) -> Tensor:
    if labels.shape != shape:
        raise ValueError(f"labels have shape {tuple(labels.shape)}, needed {tuple(shape)}")
    return labels

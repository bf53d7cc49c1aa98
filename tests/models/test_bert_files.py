"""BERT's weights between Hugging Face's files and ours: every tensor, both ways."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from llm_nb.models.bert import Bert, BertEncoder
from llm_nb.models.bert_heads import (
    BertForMaskedLM,
    BertForNextSentence,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from llm_nb.models.layouts import LAYOUTS
from llm_nb.models.pretrained import from_hugging_face, from_pretrained, save_pretrained
from tests.models.test_bert import SMALL, hugging_face, random_batch

transformers = pytest.importorskip("transformers")

CLASSES = [
    (Bert, "BertModel"),
    (BertForMaskedLM, "BertForMaskedLM"),
    (BertForNextSentence, "BertForNextSentencePrediction"),
    (BertForPreTraining, "BertForPreTraining"),
    (BertForSequenceClassification, "BertForSequenceClassification"),
    (BertForTokenClassification, "BertForTokenClassification"),
    (BertForQuestionAnswering, "BertForQuestionAnswering"),
]
every_class = pytest.mark.parametrize(("model_class", "name"), CLASSES)


def same_tensors(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def rewrite(folder, change):
    """Replace model.safetensors by what ``change`` makes of it."""
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", {"format": "pt"})


@every_class
@pytest.mark.parametrize("shard", ["1GB", "20KB"])
def test_theirs_to_ours_to_theirs_is_identical(model_class, name, shard, tmp_path):
    theirs = hugging_face(SMALL, 1, name)
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size=shard)
    ours = from_pretrained(model_class, tmp_path / "theirs")
    size = 20_000 if shard == "20KB" else 10**9
    save_pretrained(ours, tmp_path / "ours", max_shard_size=size)
    for folder in ("theirs", "ours"):
        assert (tmp_path / folder / "model.safetensors").exists() == (shard == "1GB")
        assert (tmp_path / folder / "model.safetensors.index.json").exists() == (shard == "20KB")
    back, report = getattr(transformers, name).from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not any(report.values()), report
    same_tensors(back, theirs)
    for key in ("hidden_act", "id2label", "layer_norm_eps", "num_attention_heads"):
        assert getattr(back.config, key) == getattr(theirs.config, key)
    same_names(tmp_path / "ours", tmp_path / "theirs")


def same_names(ours, theirs):
    """The two folders hold the same tensors under the same names."""

    def names(folder):
        return {n for file in folder.glob("*.safetensors") for n in load_file(file)}

    assert names(ours) == names(theirs)


@every_class
@pytest.mark.parametrize("size", [10**9, 15_000])
def test_ours_to_theirs_to_ours_is_identical(model_class, name, size, tmp_path):
    torch.manual_seed(0)
    ours = model_class(dataclasses.replace(SMALL, labels=("no", "yes"), classifier_dropout=0.3))
    for weight in ours.parameters():
        torch.nn.init.normal_(weight)
    save_pretrained(ours, tmp_path / "ours", max_shard_size=size)
    theirs = getattr(transformers, name).from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size=f"{size // 1000}KB")
    back = from_pretrained(model_class, tmp_path / "theirs")
    same_tensors(back, ours)
    assert back.config == ours.config


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=[c.__name__ for c in LAYOUTS])
def test_each_table_is_invertible(layout):
    names = [name for theirs in layout.table(3).values() for name in theirs.names]
    assert len(set(names)) == len(names)


def test_each_table_names_every_tensor_once():
    for model_class, layout in LAYOUTS.items():
        with torch.device("meta"):
            config = dataclasses.replace(layout.family.read_config({}), n_layers=2)
            assert layout.table(2).keys() == model_class(config).state_dict().keys()


@pytest.mark.parametrize("model_class", [Bert, BertForPreTraining])
def test_old_names_buffers_prefixes_and_tied_copies(model_class, tmp_path):
    theirs = hugging_face(SMALL, 2, "BertForPreTraining")
    theirs.save_pretrained(tmp_path)
    expected = from_pretrained(model_class, tmp_path)

    def as_first_released(weights):
        weights = {
            n.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): t
            for n, t in weights.items()
        }
        word = weights["bert.embeddings.word_embeddings.weight"]
        weights["bert.embeddings.position_ids"] = torch.arange(24)[None]
        weights["cls.predictions.decoder.weight"] = word.clone()
        weights["cls.predictions.decoder.bias"] = weights["cls.predictions.bias"].clone()
        return weights

    rewrite(tmp_path, as_first_released)
    assert "bert.embeddings.LayerNorm.gamma" in load_file(tmp_path / "model.safetensors")
    same_tensors(from_pretrained(model_class, tmp_path), expected)
    rewrite(tmp_path, lambda weights: {n.removeprefix("bert."): t for n, t in weights.items()})
    same_tensors(from_pretrained(model_class, tmp_path), expected)


def test_a_tied_copy_alone_is_enough_and_one_that_differs_is_an_error(tmp_path):
    ours = BertForMaskedLM(SMALL)
    save_pretrained(ours, tmp_path)

    def moved(weights):
        weights["cls.predictions.decoder.bias"] = weights.pop("cls.predictions.bias")
        return weights

    rewrite(tmp_path, moved)
    same_tensors(from_pretrained(BertForMaskedLM, tmp_path), ours)
    rewrite(tmp_path, lambda w: w | {"cls.predictions.decoder.weight": torch.ones(97, 24)})
    with pytest.raises(ValueError, match=r"decoder\.weight differs from bert\.embeddings"):
        from_pretrained(BertForMaskedLM, tmp_path)


def test_a_body_is_read_from_any_model_on_it(tmp_path):
    theirs = hugging_face(SMALL, 3, "BertForPreTraining")
    theirs.save_pretrained(tmp_path / "pretraining")
    ids, mask, segments = random_batch(SMALL, 3)
    bert = from_pretrained(Bert, tmp_path / "pretraining")
    encoder = from_pretrained(BertEncoder, tmp_path / "pretraining")
    with torch.no_grad():
        expected = theirs.bert(ids, mask, segments)
        real = mask.bool()
        for hidden in (bert(ids, mask, segments).hidden, encoder(ids, mask, segments)):
            assert_close(hidden[real], expected.last_hidden_state[real], atol=1e-5, rtol=1e-5)
    save_pretrained(encoder, tmp_path / "encoder")
    same_tensors(from_pretrained(BertEncoder, tmp_path / "encoder"), encoder)
    with pytest.raises(ValueError, match=r"missing bert\.pooler\.dense\.bias.*new_head=True"):
        from_pretrained(Bert, tmp_path / "encoder")
    assert from_pretrained(Bert, tmp_path / "encoder", new_head=True).pooler.weight.std() > 0


def test_a_head_that_the_files_lack_is_an_error_unless_asked_for(tmp_path):
    hugging_face(SMALL, 4, "BertForPreTraining").save_pretrained(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"missing classifier\.bias, classifier\.weight; not expected nothing: if .*new_head=True",
    ):
        from_pretrained(BertForSequenceClassification, tmp_path)
    labels = ("bad", "good", "neither")
    model = from_pretrained(
        BertForSequenceClassification, tmp_path, new_head=True, labels=labels, dropout=0.3
    )
    assert (model.config.labels, model.config.dropout) == (labels, 0.3)
    assert model.classifier.weight.shape == (3, 24)
    assert not model.classifier.bias.any()
    body = from_pretrained(Bert, tmp_path)
    assert torch.equal(model.bert.pooler.weight, body.pooler.weight)
    same_tensors(model.bert, body)


def test_a_new_head_replaces_one_that_is_there(tmp_path):
    old = BertForTokenClassification(dataclasses.replace(SMALL, labels=("O", "PER", "LOC")))
    save_pretrained(old, tmp_path)
    with pytest.raises(ValueError, match=r"classifier\.weight has shape \(3, 24\).*\(2, 24\)"):
        from_pretrained(BertForTokenClassification, tmp_path, labels=("a", "b"))
    new = from_pretrained(BertForTokenClassification, tmp_path, new_head=True)
    assert new.config == old.config
    assert not torch.equal(new.classifier.weight, old.classifier.weight)
    same_tensors(new.encoder, old.encoder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "roberta"}, "describes a 'roberta' model, not 'bert', which Bert reads"),
        ({"hidden_act": "gelu_new"}, "hidden_act 'gelu_new'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key'"),
        ({"is_decoder": True}, "is_decoder True"),
        ({"num_attention_heads": 5}, "24 does not divide into 5 heads"),
        ({"num_hidden_layers": 2}, r"not expected bert\.encoder\.layer\.2.* 13 more"),
        ({"num_hidden_layers": 4}, r"missing bert\.encoder\.layer\.3.*number of layers"),
        ({"vocab_size": 98}, r"word_embeddings\.weight has shape \(97, 24\).* \(98, 24\)"),
    ],
)
def test_another_configuration_is_named(change, message, tmp_path):
    save_pretrained(Bert(SMALL), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ValueError, match=message):
        from_pretrained(Bert, tmp_path)


def test_a_class_without_a_format_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"Linear has no Hugging Face format here: .* GPT2, Bert"):
        save_pretrained(torch.nn.Linear(2, 2), tmp_path)
    weights = {"bert.embeddings.word_embeddings.weight": torch.ones(97, 24)}
    with pytest.raises(ValueError, match=r"missing bert.* more"):
        from_hugging_face(weights, Bert, SMALL)

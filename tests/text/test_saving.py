"""Every file of this floor is written elsewhere and moved: it appears whole, or not at all."""

import os
from pathlib import Path

import pytest

from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE
from llm_nb.text.vocabulary import Vocabulary
from llm_nb.text.wordpiece import SPECIAL_TOKENS, WordPiece


def save_vocabulary(folder, word):
    Vocabulary.build([word]).save(folder / "vocabulary.json")


def save_wordpiece(folder, word):
    WordPiece([*SPECIAL_TOKENS, word]).save_folder(folder)


def save_bpe(folder, word):
    ByteLevelBPE.train([word], 258).save(folder / "tokenizer.json")


def save_gpt2_files(folder, word):
    tokenizer = ByteLevelBPE.train([word], 258, [END_OF_TEXT])
    tokenizer.save_gpt2_files(folder / "encoder.json", folder / "vocab.bpe")


@pytest.mark.parametrize("save", [save_vocabulary, save_wordpiece, save_bpe, save_gpt2_files])
def test_every_file_is_moved_to_its_place(save, tmp_path, monkeypatch):
    moved = []

    def noting(source, target, move=os.replace):
        moved.append(Path(target).name)
        move(source, target)

    monkeypatch.setattr("os.replace", noting)
    save(tmp_path, "word")
    assert sorted(moved) == sorted(path.name for path in tmp_path.iterdir())

"""Text to tokens: byte-level BPE, WordPiece, vocabularies, normalisation, Chinese words."""

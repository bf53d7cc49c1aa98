"""Text to tokens: byte-level BPE (WordPiece, vocabularies and normalisation to come)."""

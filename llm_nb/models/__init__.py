"""The models, each in a few small files that a page can show whole; `pretrained` reads and writes them."""

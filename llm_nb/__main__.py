"""``python -m llm_nb`` is ``llm-nb``, which ``torchrun -m llm_nb`` needs."""

from llm_nb.cli import main

raise SystemExit(main())

"""The sub-commands of ``llm-nb``, one module each."""

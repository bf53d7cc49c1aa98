"""The models: n-gram, attention, GPT-2 (more to come), each in one file that a page can show."""

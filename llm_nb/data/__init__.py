"""Text, task data and batches, from files, from Python itself and from the hub.

``corpora`` and ``tasks`` load by name; ``examples`` says what each task's examples are; ``reading``,
``tables``, ``formats`` and ``documents`` read local files; ``feeds`` and its sources make batches.
"""

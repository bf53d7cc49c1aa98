"""The helper package of *LLM Notebooks*.

Arranged by concept, in floors; a floor imports only those under it:
``runtime``, ``expect`` (0) · ``text`` (1) · ``data``, ``models`` (2) ·
``training``, ``generation``, ``metrics``, ``display`` (3) · ``exercises`` (4) · ``cli`` (5).
"""

__version__ = "0.1.0"

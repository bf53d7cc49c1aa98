"""The trainer: optimisers, schedules, loop, checkpoints. It knows a model only through its loss."""

from llm_nb.training.config import TrainConfig
from llm_nb.training.history import History
from llm_nb.training.trainer import Trainer

__all__ = ["History", "TrainConfig", "Trainer"]

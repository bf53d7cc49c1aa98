"""The trainer: optimiser, schedule and loop. It knows a model only through its loss."""

from llm_nb.training.trainer import History, TrainConfig, Trainer

__all__ = ["History", "TrainConfig", "Trainer"]

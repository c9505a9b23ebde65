"""Frame to detections: faces, landmarks, expression, hands, people."""

from aeras.perceive.expression import ExpressionSpec, OnnxExpression, load_expression
from aeras.perceive.look import TASKS, Perception, PerceptionOptions
from aeras.perceive.registry import ModelCard, ModelCheck, list_models, verify_models

__all__ = [
    "TASKS",
    "ExpressionSpec",
    "ModelCard",
    "ModelCheck",
    "OnnxExpression",
    "Perception",
    "PerceptionOptions",
    "list_models",
    "load_expression",
    "verify_models",
]

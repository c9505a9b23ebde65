"""Topics of open answers in any language: embed, take the language out, cluster, label."""

from aeras.insight.topics.fit import NONE, FitOptions, Topics, fit

__all__ = ["NONE", "FitOptions", "Topics", "fit"]

"""Calculated fields of Data Prep: expressions over a source's columns, said in the engine's SQL."""

from limbeck.flow.expressions.compile import Expression

__all__ = ["Expression"]

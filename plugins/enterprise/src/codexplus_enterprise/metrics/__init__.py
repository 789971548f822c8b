"""Counts and histograms of what passes, for Prometheus, as JSON, and over OTLP."""

from .metrics import Metrics

__all__ = ["Metrics"]

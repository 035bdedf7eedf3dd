"""Loaded models, of which others know no more than Predictor (framework/tasks/base.py) says."""

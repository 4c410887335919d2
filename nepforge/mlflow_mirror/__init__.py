"""Copies finished runs to MLflow; nothing is ever read back.

`mirror` listens to a run and starts a process, in which `writer` alone imports mlflow.
"""

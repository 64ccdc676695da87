"""Bundled agents, as data: nothing here is ever imported."""

"""lockenv: one committed file pins a whole machine-learning environment."""

__version__ = "0.1.0"

"""nepforge: train NEP potentials from hashed recipes and keep a ledger of every run."""

__version__ = "0.1.0"

"""poolaudit: decides, audits and rewrites process pools."""

__version__ = "0.1.0"

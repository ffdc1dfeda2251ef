"""What rules, the tree and readiness prove of a program, from facts alone.

Must never edit a text, import a rule or choose an API.
"""

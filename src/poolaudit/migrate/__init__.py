"""Rewrites of whole pools: Pool to ProcessPoolExecutor and back, all of a pool or nothing.

Knows the facts of one file and which form of one API does what a form of the other does. Must never know libcst, a rule, a file
on disk or the command line. A form that is not proven to be the same is a blocker with a name, or carries a caveat with a name.
"""

"""Edits that several fixes share: moving a function, collecting results, indenting, guarding.

Pure text and facts. Must never import a rule or touch a file on disk.
"""

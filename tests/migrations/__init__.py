"""The proof of `poolaudit migrate`: pairs of programs that run before and after the rewrite, on every interpreter and start method.

Knows the folders below fixtures/migrations/ and how programs are compared from outside. Must never know how a rewrite is made.

pair.py          one folder: its programs, and what is expected of the plan
observing.py     one program run in an empty folder -> what is seen of it from outside
comparing.py     the cells of a pair -> in which of them its two programs differ, and the golden of those that should
test_programs.py runs all of it (`pytest -m migrations`)
"""

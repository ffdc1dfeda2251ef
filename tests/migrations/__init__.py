"""The proof of `poolaudit migrate`: pairs of programs that run before and after the rewrite, on every Python and start method.

Knows the folders below fixtures/migrations/ and how programs are compared from outside. Must never know how a rewrite is made.

pair.py          one folder: its programs, and what is expected of the plan
observing.py     one program run in an empty folder -> what is seen of it from outside
comparing.py     cells of a pair -> where its two programs differ; the goldens naive.txt and after.txt
test_programs.py runs them; what the plans say is tested in tests/test_migrations.py
"""

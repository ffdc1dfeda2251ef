"""The proof harness: runs the fixture programs and keeps what they did as transcripts.

Knows folders of fixtures, interpreters, start methods and how a program ended.
Must never know a rule, a survey or the engine: what poolaudit says of a program is asked in tests/test_fixtures.py.

fixture.py      one folder below fixtures/: its programs and the Pythons they are for
interpreters.py the interpreters of this machine
running.py      one program, one interpreter, one start method -> Outcome
transcript.py   Outcomes <-> run.txt
startmethod/    the sitecustomize.py that gives a program another default start method
"""

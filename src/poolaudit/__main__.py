"""`python -m poolaudit`: the command line of `poolaudit`.

-m puts the working folder first on the import path: a libcst or click in it is code to audit, never to run. So it goes first.
"""

import os
import sys

if sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

from poolaudit.cli import main

if __name__ == "__main__":
    main()

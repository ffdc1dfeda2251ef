"""`python -m poolaudit`: the command line of `poolaudit`."""

from poolaudit.cli import main

if __name__ == "__main__":
    main()

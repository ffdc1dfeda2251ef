"""About the run itself."""

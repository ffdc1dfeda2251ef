"""Results and errors."""

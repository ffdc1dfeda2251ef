"""What cannot cross to a worker."""

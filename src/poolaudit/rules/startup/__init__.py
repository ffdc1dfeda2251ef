"""Start-up and start methods."""

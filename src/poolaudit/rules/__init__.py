"""Every rule of the catalogue, one file each."""

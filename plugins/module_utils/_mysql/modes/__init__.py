"""The ways in which databases replace each other, a package each."""

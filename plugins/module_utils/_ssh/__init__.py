"""What a host's SSH server is and does, and how this process is connected to the host."""

"""A primary and its replicas, moved by an operator."""

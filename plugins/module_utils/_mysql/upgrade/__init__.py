"""MySQL's own upgrade: which versions may follow each other, what is looked at before, and which host is next."""

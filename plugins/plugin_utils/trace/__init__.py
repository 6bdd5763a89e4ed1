"""One request through all tiers, made of what each has logged of it: docs/logs.md."""

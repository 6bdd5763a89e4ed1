"""What the roles refuse in their data: a sentence for each mistake, a module for each role.

Pure, and without Ansible. Types and choices are not looked at, because the argument specifications check them.
"""

"""How the whole stack is, from what its hosts have said of themselves (the module host_info). Pure.

`model` reads what the hosts said, `judge` says what is wrong and what is to be done, `explain` why one host or server
is out, `screen` makes tables, and `report` puts it together.
"""

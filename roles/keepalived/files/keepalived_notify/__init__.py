"""keepalived-notify: tells a program of the user's, such as one that asks a provider's API to move an address, which
state each VRRP instance has.

keepalived writes every change into a named pipe. Here the newest of each instance is told, until it was told with
success: an interface for moving addresses that is out for a minute does not leave the site without one.
"""

"""Decisions about an application's releases on several hosts: what may go live, and where to go back to. Pure.

model     what the hosts have answered
going     whether every host is ready, and how a deployment has ended
back      to which release rollback.yml goes
shown     the releases as a table for people
"""

"""The ways in which databases replace each other, a package each.

A mode offers the operations of OPERATIONS, and nothing else of it is called from outside, but for the types that they
take and return. What is common to all modes, such as what a server is and what a host can tell of others, is one
package above and imports no mode.
"""

OPERATIONS = {
    "observe": ("observe.observe",),
    "plan": ("plan.plan", "convergence.Convergence"),
    "switchover": ("switchover.decide", "exchange.prepare"),
    "failover": ("failover.decide", "promotion.Promotion"),
    "rejoin": ("rejoin.decide", "recovery.Recovery"),
    "recover": ("recover.decide",),
    "reopen": ("reopen.decide",),
    "upgrade": ("upgrade.decide",),
}
"""For each operation where a mode has it, below its own package.

Where there are two, the first decides and is pure; the second does it on a host. They are in files of their own because
the decisions about several hosts are made on the controller, and a module takes to a host what it imports.
"""

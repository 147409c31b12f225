"""How many calls one process makes at once through a forward proxy, over connections that are open."""

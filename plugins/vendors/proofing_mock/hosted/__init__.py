"""The mock vendor `mock:hosted`: people visit a page of its own, and it tells the outcome by webhook.

`proofer` is the adapter and `webhook` judges what it posts, as those of a real vendor. `vendor` and `server`
are the vendor itself: its sessions, pages, webhooks and movable clock, which `proofing run` starts alongside.
"""

"""The mock vendor `mock:exchange`: the person's wallet answers, through the browser or by itself.

`proofer` is the adapter, as that of a real protocol; `messages` is what it and the wallet send each other.
`server` is the wallet itself, a page of another origin, which `proofing run` starts alongside.
"""

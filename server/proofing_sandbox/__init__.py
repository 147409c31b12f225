"""A sandbox that speaks the languages of real vendors, for end-to-end tests, benchmarks and staging.

``proofing sandbox`` serves the wire formats of the vendors on one address of this machine, authentication and
signatures included. Answers depend on the same test inputs as those of the mock vendor (`inputs`), or on what
a tester has chosen (`behavior`); latency and faults come to order. What a person would see at a vendor is a
page with buttons, and webhooks are sent for real.

It is written from the vendors' documentation alone and shares no code with their adapters, so that the two do
not just agree with each other. Nothing of a person is kept or logged.
"""

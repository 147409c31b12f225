"""A small sample site of a relying party: what an organization builds that has people verified.

It knows of Proofing what every relying party knows: `proofing.client`, the events and OpenID Connect. It
keeps everything in memory, has made-up visitors and no accounts, and is not for production.
`proofing demo` serves it; `make run` does so alongside the product.
"""

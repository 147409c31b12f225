"""The OpenID Connect provider: a verification as a login. docs/reference/oidc.md, docs/adr/0046.

`authorization_requests`, `client_assertions`, `client_authentication`, `id_tokens` and `discovery` are pure;
`provider` goes through the flow, `endpoints` speaks HTTP.
"""

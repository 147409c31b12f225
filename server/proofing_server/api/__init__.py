"""The API for relying parties, `/v1`: docs/reference/api.md. For machines: no cookies, no pages, no CORS."""

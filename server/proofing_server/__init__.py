"""Pages and JSON endpoints of the flow, on Starlette."""

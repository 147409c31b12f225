"""The handlers of the pages, by step of the flow."""

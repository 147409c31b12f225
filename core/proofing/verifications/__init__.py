"""Relying parties and their verifications: from the link to the event. docs/adr/0045."""

"""All cryptography: sealed messages, data keys, what each message is bound to, MACs, FIPS mode."""

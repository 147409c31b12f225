"""What adapters cost: to build, sign and encode a question, and to read its answer, without a network."""

"""The command line: one command, `proofing`, with a module for each family of subcommands."""

"""`proofing quality NAME`: which rules of the kit each proofer of a plugin keeps, as a table and as a file.

* `table`: the table, its file `quality.toml`, and the maturity that follows from it;
* `command`: the subcommand.
"""

"""`proofing mutate NAME`: standard mistakes are planted in an adapter, and its own tests have to notice each.

* `sources`: the modules of the adapter, and edits of their text by places of the syntax tree;
* `mistakes`: the catalog; one function for each mistake finds where it can be planted;
* `running`: each mutant in a child process, several at a time;
* `command`: the subcommand and what it prints.
"""

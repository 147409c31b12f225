"""`proofing new-vendor NAME`: writes a vendor plugin that installs, loads and keeps the rules of the kit.

* `pieces`: what a kind of question, a shape and a way to authenticate each bring;
* `templates/`: the files, each readable on its own; a package has those that its three choices need;
* `writing`: puts them together;
* `command`: the subcommand.
"""

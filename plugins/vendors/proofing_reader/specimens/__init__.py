"""Synthetic specimens: cards and passports of people who do not exist, for trying and testing readers.

Everything is drawn here: designs of our own that copy no real document, portraits of circles and arcs, and
the word SPECIMEN across each side. The barcode is encoded by a writer that shares no code with the parser, so
that one can be held against the other. docs/vendors/reader.md
"""

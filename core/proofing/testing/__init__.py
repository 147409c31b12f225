"""Contract suites, fakes and fault tools, for our tests and for those of plugin authors.

A plugin's tests subclass the suite of each contract it keeps and say how to make one; see
docs/tutorial/write-a-vendor-plugin.md.
"""

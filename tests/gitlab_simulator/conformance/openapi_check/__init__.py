"""Compares recorded exchanges with GitLab's own OpenAPI document.

`document` reads the document, `exchanges` reads what the suites recorded, `validation` compares one exchange
with it, `differences` lists where the contract overrules the document, and `__main__` prints the table and
gives the verdict.
"""

"""One module per command, or per family of commands; `nepforge.cli` registers them.

A command parses its arguments, calls one function and prints the result; libraries are imported
when it runs. Errors become messages and exit codes in `errors`.
"""

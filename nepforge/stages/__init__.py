"""One module per stage kind, each with `run(table, inputs, ctx)`.

`context` is what the engine hands to a stage; the list of kinds is in `nepforge.plan.kinds`.
"""

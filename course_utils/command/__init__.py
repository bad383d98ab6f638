"""The machinery: the `course` command, which runs, measures, publishes and packs the pages. A learner need not open it.

`cli` reads the command line. `execute` runs pages, `this_python` is their kernel, `experiments` runs them with many
seeds, `records` turns the receipts into `data/reference.json`. `html`, `formulas`, `export` and `slides` publish;
`learn` and `kit` hand the course out. Nobody imports this package but its own modules and the tests.
"""

"""What the one-line learning calls ask and how they judge, one module per notebook.

Each module holds PREDICTIONS (asked by `predict`), CHECKS (functions that judge an exercise: they return a hint at
the mistake, or None where the answer is right) and QUIZ.
"""

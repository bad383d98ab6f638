"""Typical wrong answers, page by page: (exercise, answer, part of what the learner is told)."""

import importlib
import pkgutil

PAGES = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
WRONG = [wrong for page in PAGES for wrong in page.WRONG]

"""Typical wrong answers, page by page: (exercise, answer, part of what the learner is told)."""

from wrong_answers import page_00, page_01, page_02, page_03, page_04, page_05, page_06, page_11

WRONG = [
    *page_00.WRONG,
    *page_01.WRONG,
    *page_02.WRONG,
    *page_03.WRONG,
    *page_04.WRONG,
    *page_05.WRONG,
    *page_06.WRONG,
    *page_11.WRONG,
]

"""A quiz whose answers are clicked on."""

from course_utils.widgets.quiz import with_buttons

QUESTIONS = [
    {"question": "1 < 2?", "right": "b", "options": {"a": ("no", "Count again."), "b": ("yes", "It is <1> more.")}},
    {"question": "And 2 < 3?", "right": "a", "options": {"a": ("yes", "Of course."), "b": ("no", "It is.")}},
]


def parts(quiz):
    """Of each question the text, the buttons, and the place for what is said."""
    return [(asked, row.children[1], said) for asked, row, said in (part.children for part in quiz.children)]


def test_click_is_explained_and_handed_on():
    kept = []
    shown = with_buttons(QUESTIONS, [None, "a"], lambda *answer: kept.append(answer) or "")
    (asked, letters, said), (_, _, said_before) = parts(shown)
    assert asked.value == "<b>1. 1 &lt; 2?</b><br>a) no<br>b) yes" and letters.value is None and said.value == ""
    assert said_before.value == "Your first answer was a)."
    letters.value = "a"
    assert said.value == "<b>a) No.</b> Count again."
    letters.value = "b"
    assert said.value == "<b>b) Right.</b> It is &lt;1&gt; more."
    assert kept == [(1, "a"), (1, "b")]


def test_trouble_is_told():
    (_, letters, said), _ = parts(with_buttons(QUESTIONS, [None, None], lambda *answer: "cannot write <it>"))
    letters.value = "a"
    assert said.value.endswith("Count again. cannot write &lt;it&gt;")

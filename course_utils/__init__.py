"""Helpers of the autoencoder course: the plumbing and the plots, so that the pages can show the ideas.

The package is two products. The first is a lesson to be read, in this order:

    models, losses        the networks of the course and what they minimise: read these as formulas
    training, resuming    the loop of page 01 at full speed, and one that can be killed
    metrics, plots        every figure with its unit, every picture; `diagrams` are the drawings that explain
    data, digits          images by name; the digits that the course draws itself; `image_files` reads your own
    coding                images as files, with a VAE (page 09)
    photographs, scenes   colour photographs from class folders, and a folder of scenes that the course draws (page 12)
    pretrained            networks that are trained already; `classifier` judges samples

The second runs it: `checks` and `scoreboard` are the learning calls of the pages (`exercises` holds what they ask),
`widgets` what can be touched, `command` the `course` command, `support` what all of them stand on.
Import from the module that owns a name, for example `from course_utils.data import load`.
"""


class CourseError(ValueError):
    """Something that the reader can mend; the message says what was wrong, what was expected and what to do."""

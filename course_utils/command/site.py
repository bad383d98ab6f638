"""`course site`: the course as a site, with search and dark mode, that asks nobody else for anything.

Sphinx and myst-nb make it from what `site_sources` lays out. Nothing is executed.
"""

import importlib.util
import io
import re
import tempfile
from pathlib import Path
from typing import Any

from course_utils import CourseError
from course_utils.command import site_sources
from course_utils.command.formulas import mathml
from course_utils.support.files import BUILD, ROOT

CONFIG = {
    "project": "Autoencoders, hands on",
    "copyright": "the authors. Code: MIT; text and figures: CC BY 4.0",
    "extensions": ["myst_nb", "course_utils.command.site"],
    "html_theme": "pydata_sphinx_theme",
    "html_title": "Autoencoders, hands on",
    "html_static_path": ["static"],
    "html_extra_path": ["extra"],
    "exclude_patterns": ["extra"],
    "html_css_files": ["site.css"],
    "html_favicon": "static/icon.svg",
    "html_context": {"default_mode": "auto"},
    "html_use_index": False,
    "html_copy_source": False,
    "html_show_sphinx": False,
    "html_math_renderer": "mathml",
    "html_sidebars": {"[!p]*": [], "pages/*": ["sidebar-collapse", "sidebar-nav-bs"]},
    "html_theme_options": {
        "logo": {"image_light": "static/icon.svg", "image_dark": "static/icon.svg", "text": "Autoencoders, hands on"},
        "navbar_end": ["theme-switcher"],
        "header_links_before_dropdown": 8,
        "navigation_with_keys": False,
        "article_header_start": [],
        "secondary_sidebar_items": ["page-toc"],
        "footer_start": ["copyright"],
        "footer_end": [],
        "search_bar_text": "Search the course",
        "back_to_top_button": False,
    },
    "myst_enable_extensions": ["dollarmath"],
    "myst_dmath_allow_space": False,
    "myst_dmath_allow_digits": False,
    "myst_heading_anchors": 3,
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "smartquotes": False,
}
MARK = "searchindex.js"  # by which an earlier site is known
# The theme's stylesheet has the icons as fonts; a script of 1.5 MB would draw the same icons once more. And a fold is
# called by the word that stands on it.
NEEDLESS = re.compile(r'<script defer src="[^"]*/fontawesome\.js[^"]*"></script>| aria-label="Toggle hidden content"')


def build(out: Path) -> None:
    """Build the site, completely or not at all; an earlier one there is replaced.

    Raises:
        CourseError: where `out` is no earlier site, Sphinx is missing, or it has anything to warn of.
    """
    if out == ROOT or (ROOT in out.parents and BUILD not in out.parents):
        raise CourseError(f"{out} lies among the course's own files: name another folder with --out")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARK).is_file())):
        raise CourseError(f"{out} is there already and is no site: name another folder with --out")
    if any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_nb", "pydata_sphinx_theme")):
        raise CourseError("`course site` needs Sphinx: `python -m pip install -e .[site]` brings it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-", ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary)
            site_sources.prepare(folder / "sources")
            _run_sphinx(folder / "sources", folder / "new", folder / "doctrees")
            _trim(folder / "new")
            if out.exists():
                out.rename(folder / "old")
            (folder / "new").rename(out)
    except OSError as error:
        raise CourseError(
            f"cannot write the site to {out}: {error.strerror or error}. "
            "Free some space, or name a folder that you may write to with --out"
        ) from error


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx calls on an extension: formulas become MathML, and the live parts are linked where they stand."""
    from docutils import nodes

    def formula(display):
        def visit(translator, node):
            translator.body.append(mathml(node.astext(), display))
            raise nodes.SkipNode

        return visit, None

    def link_live_parts(app, pagename, templatename, context, doctree):
        if 'class="course-p' in context.get("body", ""):
            app.add_css_file("live/course_live.css")
            app.add_js_file("live/course_live.js", loading_method="defer")

    app.add_html_math_renderer("mathml", formula("inline"), formula("block"))
    app.connect("html-page-context", link_live_parts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _run_sphinx(sources, out, doctrees):
    """Build HTML; a CourseError with the warnings where there are any."""
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError
    from sphinx.util.console import nocolor
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    nocolor()
    warnings = io.StringIO()
    try:
        with patch_docutils(), docutils_namespace():
            app = Sphinx(sources, None, out, doctrees, "html", CONFIG, status=None, warning=warnings)
            app.build()
    except SphinxError as error:
        raise CourseError(f"Sphinx failed: {error}") from error
    if text := warnings.getvalue().strip():
        raise CourseError(f"Sphinx warns, and the site was not built:\n{text}")


def _trim(site):
    """Take away what no page needs."""
    for page in site.rglob("*.html"):
        page.write_text(NEEDLESS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    for name in ("*.map", "fontawesome.js*", "webpack-macros.html", "objects.inv", ".buildinfo"):
        for path in site.rglob(name):
            path.unlink()

"""Sphinx configuration: MyST pages, numpydoc docstrings through napoleon."""

from sciad import __version__

project = "sciad"
author = "The sciad developers"
copyright = "2026, The sciad developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "alabaster"
html_theme_options = {
    "description": "Exact derivatives of NumPy/SciPy programs, at the speed of compiled code",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "sidebar_width": "240px",
}
html_title = f"sciad {release}"
html_show_sourcelink = False

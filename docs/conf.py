"""
How Sphinx builds these pages.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from txmqtt import __version__ as release

extensions = [
    "conformance_tables",
    "epytext",
    "figure_tables",
    "house_picture",
    "interfaces",
    "limits_table",
    "option_tables",
    "reason_tables",
    "requirements_table",
    "source_pages",
    "way_picture",
]
project = "txmqtt"
author = "the txmqtt authors"
copyright = author
version = release
html_theme = "furo"
html_title = f"txmqtt {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
exclude_patterns = ["_build"]
nitpicky = True

autoclass_content = "both"  # what a class is, and what it is made from
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
# What others document stays without a link, because nothing is downloaded; so do types that are the house's own.
nitpick_ignore_regex = [("py:.*", r"(?!txmqtt\.).*"), ("py:class", r"txmqtt\.\w+\..*")]

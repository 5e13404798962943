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
    "house_picture",
    "limits_table",
    "requirements_table",
    "source_pages",
    "way_picture",
]
project = "txmqtt"
author = "the txmqtt authors"
copyright = author
version = release
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["limits.css"]
html_title = f"txmqtt {release}"
exclude_patterns = ["_build"]
nitpicky = True

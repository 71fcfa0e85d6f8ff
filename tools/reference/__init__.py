"""Pages of docs/reference/, one module per subject; each has functions that return a page's text. `python tools/docs.py` writes them."""

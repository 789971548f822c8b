"""Asking the user before something of a project runs, and remembering the answer."""

"""The web console: pages, pictures and JSON over the functions of `analysis`, for one person on one machine.

Here live the Flask app, its templates and its scripts (own ES modules, no build step, nothing from the
internet). Not here: anything that computes; that is `analysis`, and works without a browser.
"""

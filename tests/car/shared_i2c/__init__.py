"""A folder for PYTHONPATH: what processes import instead of a package that needs hardware."""

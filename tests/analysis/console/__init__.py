"""Tests of the console: its answers by Flask's client, its pages in a real browser."""

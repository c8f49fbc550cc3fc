"""The node that stands in for a car, and the command that drives a policy around a simulated track.

Not here: physics and pictures, which are `sim`; the nodes of the car, which are `sim2race_car`.
"""

"""The world: tracks, vehicle dynamics, camera, scenery, renderer and the Gymnasium environments.

Everything steps in batches: arrays over cars, no Python loop over cars or pixels in a step. Not here:
learning (training/), and anything that a car needs while it drives (car/).
"""

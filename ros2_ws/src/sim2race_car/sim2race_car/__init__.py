"""The nodes that run on the car: camera, inference, drive, log, status.

Each is thin: it turns parameters, messages and clocks into calls of a plain class in `car`, where the work is
done and tested. Not here: anything that needs the simulator.
"""

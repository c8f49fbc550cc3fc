"""The nodes that run on the car: camera, inference, drive, log, status.

Each is thin: it turns parameters, messages and clocks into calls of a plain class in `car`, where the work is
done and tested. Not here: anything that needs the simulator.
"""

import os

# Seconds that OpenCV waits for a camera that hangs, read when OpenCV is loaded; ten if nobody says otherwise.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")

"""Every topic and service of the node graph, in one table: name, type, quality of service, who, and why.

No ROS here: nodes turn a row into a `QoSProfile`, the log writer into a connection, the documentation into a
table. Outside `/sim2race`, names and types are those of the community's car stack, so that its tools read
what we publish and ours read theirs; what they lack goes on topics of our own. Everything that leads to the
wheels keeps only the last message: one frame, one decision, never a queue.
"""

from __future__ import annotations

from car.errors import unknown_name
from car.topic_types import Durability as Durability
from car.topic_types import Reliability as Reliability
from car.topic_types import Service as Service
from car.topic_types import Topic as Topic

CAMERA = Topic(
    "/camera_pkg/display_mjpeg/compressed",
    "sensor_msgs/msg/CompressedImage",
    publisher="camera, or simulated car",
    subscribers="inference",
    meaning="JPEG; header.stamp is the capture, header.frame_id a running number as text",
    reliability=Reliability.BEST_EFFORT,
    logged=False,
)
CAMERA_ABOUT = Topic(
    "/sim2race/camera_about",
    "std_msgs/msg/String",
    publisher="camera",
    subscribers="log",
    meaning="what the stamp of a picture is the time of, in words",
    durability=Durability.TRANSIENT_LOCAL,
)
RL_RESULTS = Topic(
    "/inference_pkg/rl_results",
    "deepracer_interfaces_pkg/msg/InferResultsArray",
    publisher="inference",
    subscribers="drive, log",
    meaning="every output of the policy, with the JPEG that it looked at; boxes are -1",
)
MODEL_ARTIFACT = Topic(
    "/inference_pkg/model_artifact",
    "std_msgs/msg/String",
    publisher="inference",
    subscribers="log",
    meaning="path of the policy that decides, at the start and whenever another one was loaded",
    durability=Durability.TRANSIENT_LOCAL,
)
AUTO_DRIVE = Topic(
    "/deepracer_navigation_pkg/auto_drive",
    "deepracer_interfaces_pkg/msg/ServoCtrlMsg",
    publisher="drive",
    subscribers="log",
    meaning="what the policy asks for, normalised to -1..1; source_stamp is the capture",
)
SERVO_MSG = Topic(
    "/ctrl_pkg/servo_msg",
    "deepracer_interfaces_pkg/msg/ServoCtrlMsg",
    publisher="drive",
    subscribers="log",
    meaning="what was really sent, normalised to -1..1",
    reliability=Reliability.BEST_EFFORT,
)
MANUAL_DRIVE = Topic(
    "/webserver_pkg/manual_drive",
    "deepracer_interfaces_pkg/msg/ServoCtrlMsg",
    publisher="console",
    subscribers="drive, in manual mode",
    meaning=(
        "what a person asks for, normalised to -1..1; a source_stamp says that the stick is repeated for as "
        "long as it is held, so that a silence of 100 ms stops the car; without one it takes 500 ms"
    ),
    reliability=Reliability.BEST_EFFORT,
)
CALIBRATION_DRIVE = Topic(
    "/webserver_pkg/calibration_drive",
    "deepracer_interfaces_pkg/msg/ServoCtrlMsg",
    publisher="console",
    subscribers="drive, in calibration mode",
    meaning="pulse widths to try out, in nanoseconds; -1 leaves a channel as it is",
    reliability=Reliability.BEST_EFFORT,
)
STOP = Topic(
    "/sim2race/stop",
    "std_msgs/msg/String",
    publisher="the console's guard, or whoever sees a reason",
    subscribers="drive, log",
    meaning="stop the car now, whoever drives; the text is the reason, and stays until a person arms again",
)
MODE = Topic(
    "/sim2race/mode",
    "std_msgs/msg/String",
    publisher="drive",
    subscribers="log, status, sim2race status",
    meaning="who drives: manual, autonomous or calibration",
    durability=Durability.TRANSIENT_LOCAL,
)
BATTERY = Topic(
    "/sim2race/battery",
    "sensor_msgs/msg/BatteryState",
    publisher="status, from the community's battery service; or a driver of your own",
    subscribers="drive, log, status, sim2race status",
    meaning="percentage is 0..1, NaN if unknown",
)
READINESS = Topic(
    "/sim2race/readiness",
    "diagnostic_msgs/msg/DiagnosticArray",
    publisher="status",
    subscribers="log, sim2race status",
    meaning="every node: whether it is ready, and if not, why",
    durability=Durability.TRANSIENT_LOCAL,
)
DEVICE_STATUS = Topic(
    "/device_info_pkg/device_status",
    "deepracer_interfaces_pkg/msg/DeviceStatusMsg",
    publisher="status",
    subscribers="log",
    meaning="health of the computer: load, temperature, memory, latency",
)
DRIVE_REPORT = Topic(
    "/sim2race/drive_report",
    "sim2race_msgs/msg/DriveReport",
    publisher="drive",
    subscribers="inference, log, status, sim2race drive",
    meaning="every command and change of state: units, pulse widths, stamps, and why the car stopped",
    depth=10,
)
INFERENCE_REPORT = Topic(
    "/sim2race/inference_report",
    "sim2race_msgs/msg/InferenceReport",
    publisher="inference",
    subscribers="drive, log, sim2race drive",
    meaning="what became of every frame: counts of acted on and dropped, time taken",
    depth=10,
)
GROUND_TRUTH = Topic(
    "/sim2race/ground_truth",
    "nav_msgs/msg/Odometry",
    publisher="simulated car",
    subscribers="log",
    meaning="pose and speed in the frame `track`; only a simulated car knows them",
    depth=10,
)
TRACK_POSITION = Topic(
    "/sim2race/track_position",
    "sim2race_msgs/msg/TrackPosition",
    publisher="simulated car",
    subscribers="log, sim2race drive",
    meaning="progress, lateral position and lap times; only a simulated car knows them",
    depth=10,
)
RUN_INFO = Topic(
    "/sim2race/run_info",
    "std_msgs/msg/String",
    publisher="log",
    subscribers="sim2race drive",
    meaning="JSON: the log's path, policy, action space, calibration, versions, track, noise, seed",
    durability=Durability.TRANSIENT_LOCAL,
)

CLOCK = Topic(
    "/clock",
    "rosgraph_msgs/msg/Clock",
    publisher="simulated car",
    subscribers="whoever sets use_sim_time",
    meaning=(
        "simulated time: begins at the wall clock's, and can be paused, stepped, and run at a factor; "
        "pictures and ground truth keep the wall clock's stamps"
    ),
)
TF = Topic(
    "/tf",
    "tf2_msgs/msg/TFMessage",
    publisher="simulated car, where tf2_msgs is installed",
    subscribers="RViz and other tools",
    meaning="base_link in the frame of the track, stamped with simulated time",
    depth=100,
)
"""Not in the table below: the wheels of ROS 2 have no tf2_msgs."""
INITIAL_POSE = Topic(
    "/initialpose",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    publisher="RViz, or a person",
    subscribers="simulated car",
    meaning="put the simulated car here, at rest; its next lap begins at the start line",
)

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        CAMERA,
        CAMERA_ABOUT,
        RL_RESULTS,
        MODEL_ARTIFACT,
        AUTO_DRIVE,
        SERVO_MSG,
        MANUAL_DRIVE,
        CALIBRATION_DRIVE,
        STOP,
        MODE,
        BATTERY,
        READINESS,
        DEVICE_STATUS,
        DRIVE_REPORT,
        INFERENCE_REPORT,
        GROUND_TRUTH,
        TRACK_POSITION,
        RUN_INFO,
        CLOCK,
        INITIAL_POSE,
    )
}

ENABLE_STATE = Service(
    "/ctrl_pkg/enable_state",
    "deepracer_interfaces_pkg/srv/EnableStateSrv",
    server="drive",
    meaning="arm (which also acknowledges a stop) or disarm",
)
VEHICLE_STATE = Service(
    "/ctrl_pkg/vehicle_state",
    "deepracer_interfaces_pkg/srv/ActiveStateSrv",
    server="drive",
    meaning="0 manual, 1 autonomous, 2 calibration",
)
CTRL_MODES = Service(
    "/ctrl_pkg/get_ctrl_modes",
    "deepracer_interfaces_pkg/srv/GetCtrlModesSrv",
    server="drive",
    meaning="the modes that there are",
)
MAX_SPEED = Service(
    "/ctrl_pkg/autonomous_throttle",
    "deepracer_interfaces_pkg/srv/NavThrottleSrv",
    server="drive",
    meaning="maximum speed of a policy, 0..1 of the speed limit; of full throttle in the community's mapping",
)
GET_CALIBRATION = Service(
    "/servo_pkg/get_calibration",
    "deepracer_interfaces_pkg/srv/GetCalibrationSrv",
    server="drive",
    meaning="three pulses and polarity of one channel: 0 steering, 1 throttle",
)
SET_CALIBRATION = Service(
    "/servo_pkg/set_calibration",
    "deepracer_interfaces_pkg/srv/SetCalibrationSrv",
    server="drive",
    meaning="write them to the calibration file; error 1 if nothing was written",
)
GET_CAR_CALIBRATION = Service(
    "/ctrl_pkg/get_car_cal",
    "deepracer_interfaces_pkg/srv/GetCalibrationSrv",
    server="drive",
    meaning="as /servo_pkg/get_calibration, in calibration mode only",
)
SET_CAR_CALIBRATION = Service(
    "/ctrl_pkg/set_car_cal",
    "deepracer_interfaces_pkg/srv/SetCalibrationSrv",
    server="drive",
    meaning="as /servo_pkg/set_calibration, in calibration mode only",
)
BATTERY_LEVEL = Service(
    "/i2c_pkg/battery_level",
    "deepracer_interfaces_pkg/srv/BatteryLevelSrv",
    server="the community's battery node, where it runs",
    meaning="0 to 11, -1 if it cannot be read",
)
STOP_LOGGING = Service(
    "/logging_pkg/stop_logging",
    "std_srvs/srv/Trigger",
    server="log",
    meaning="finish the present log, so that it can be fetched",
)
LOAD_MODEL = Service(
    "/inference_pkg/load_model",
    "deepracer_interfaces_pkg/srv/LoadModelSrv",
    server="inference",
    meaning="load another policy; answers whether that began, the inference report says how it ended",
)

WORLD_PAUSE = Service(
    "/sim2race/pause",
    "std_srvs/srv/SetBool",
    server="simulated car",
    meaning="stop simulated time, or let it go on",
)
WORLD_STEP = Service(
    "/sim2race/step",
    "std_srvs/srv/Trigger",
    server="simulated car",
    meaning="let one camera frame of time pass while paused",
)
WORLD_RESET = Service(
    "/sim2race/reset",
    "std_srvs/srv/Trigger",
    server="simulated car",
    meaning="put the car on the start line, in new surroundings unless those are re-drawn on a schedule",
)
WORLD_REDRAW = Service(
    "/sim2race/redraw",
    "std_srvs/srv/Trigger",
    server="simulated car",
    meaning="draw the surroundings anew, the car going on",
)
WORLD_SET_VISIBLE = Service(
    "/sim2race/set_visible",
    "sim2race_msgs/srv/SetVisible",
    server="simulated car",
    meaning="show or hide objects by name or kind",
)

SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        ENABLE_STATE,
        VEHICLE_STATE,
        CTRL_MODES,
        MAX_SPEED,
        GET_CALIBRATION,
        SET_CALIBRATION,
        GET_CAR_CALIBRATION,
        SET_CAR_CALIBRATION,
        BATTERY_LEVEL,
        STOP_LOGGING,
        LOAD_MODEL,
        WORLD_PAUSE,
        WORLD_STEP,
        WORLD_RESET,
        WORLD_REDRAW,
        WORLD_SET_VISIBLE,
    )
}

LOGGED_TOPICS: tuple[Topic, ...] = tuple(topic for topic in TOPICS.values() if topic.logged)


def topic_called(name: str) -> Topic:
    """Return the row of the topic `name`.

    Raises:
        UnknownNameError: no such topic; names the nearest.
    """
    if name not in TOPICS:
        raise unknown_name("topic", name, TOPICS)
    return TOPICS[name]

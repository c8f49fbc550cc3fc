"""The community stack's messages and services as field lists, and the hash that ROS 2 gives to such a list.

The hash (REP 2011) is computed here from the lists alone, without ROS 2's own generator: what it says of our
definitions is then no echo of them.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

PACKAGE = "deepracer_interfaces_pkg"
CALIBRATION = "int32 max mid min polarity"
HEALTH = (
    "float32 cpu_percent cpu_temp cpu_freq cpu_freq_max memory_usage free_disk "
    "latency_mean latency_p95 fps_mean"
)
IMAGES = "sensor_msgs/msg/CompressedImage[] images"
PICTURE = "string img_format, int32 width height num_channels lidar_channels platform"
STATUS = "int32 error"

MESSAGES = {
    "CameraMsg": IMAGES,
    "DeviceStatusMsg": HEALTH,
    "EvoSensorMsg": f"{IMAGES}, float32[] lidar_data",
    "InferResults": "int32 class_label, float32 class_prob x_min y_min x_max y_max",
    "InferResultsArray": f"{PACKAGE}/msg/InferResults[] results, {IMAGES}",
    "LatencyMeasureMsg": "float32 latency_ms",
    "NetworkConnectionStatus": "bool network_connected",
    "ServoCtrlMsg": "float32 angle throttle, builtin_interfaces/msg/Time source_stamp",
    "SoftwareUpdatePctMsg": "float32 update_pct, string status",
    "USBFileSystemNotificationMsg": "string path file_name callback_name node_name",
}
"""Fields in their order; a type holds for every name up to the next comma."""

SERVICES = {
    "ActiveStateSrv": ("int8 state", STATUS),
    "BatteryLevelSrv": ("", "int32 level"),
    "BeginSoftwareUpdateSrv": ("int32 sleep_time_before_reboot", "bool response_status"),
    "ConsoleModelActionSrv": ("string model_path, int32 action", "string status"),
    "EnableStateSrv": ("bool is_active", STATUS),
    "GetCalibrationSrv": ("int32 cal_type", f"{CALIBRATION} error"),
    "GetCtrlModesSrv": ("", "int32[] modes, int32 error"),
    "GetDeviceInfoSrv": (
        "",
        "string hardware_version software_version cpu_model ram_amount disk_amount os_version ros_distro, "
        "int32 error",
    ),
    "GetDeviceStatusSrv": ("", f"{HEALTH}, int32 error"),
    "GetLedCtrlSrv": ("", "int32 red green blue"),
    "GetModelLoadingStatusSrv": ("", "string model_loading_status, int32 error"),
    "InferenceStateSrv": ("int8 start task_type", STATUS),
    "LidarConfigSrv": (
        "bool use_lidar, float32 min_angle max_angle, int32 num_values, "
        "float32 min_distance max_distance clipping_distance, int32 num_sectors, int8 preprocess_type",
        STATUS,
    ),
    "LoadModelSrv": ("string artifact_path, int8 task_type pre_process_type action_space_type", STATUS),
    "ModelOptimizeSrv": (
        f"string model_name, int32[] model_metadata_sensors, int32 training_algorithm, {PICTURE}",
        "string artifact_path, int32 error",
    ),
    "ModelStateSrv": (
        "string model_name, int32[] model_metadata_sensors, int8 training_algorithm action_space_type, "
        f"{PICTURE}, int8 task_type pre_process_type",
        STATUS,
    ),
    "NavThrottleSrv": ("float32 throttle", STATUS),
    "OTGLinkStateSrv": ("", "bool link_state"),
    "SensorStatusCheckSrv": ("", "int8 lidar_status single_camera_status stereo_camera_status, int32 error"),
    "ServoGPIOSrv": ("int32 enable", STATUS),
    "SetCalibrationSrv": (f"int32 cal_type, {CALIBRATION}", STATUS),
    "SetLedCtrlSrv": ("int32 red green blue", STATUS),
    "SetStatusLedBlinkSrv": ("int32 led_index, string color1 color2, float32 delay", STATUS),
    "SetStatusLedSolidSrv": ("int32 led_index, string color, float32 hold", STATUS),
    "SoftwareUpdateCheckSrv": ("int32 force_update_check", "int32 software_update_state"),
    "SoftwareUpdateStateSrv": ("bool request", "int32 update_state"),
    "USBFileSystemSubscribeSrv": ("string file_name callback_name, bool verify_name_exists", STATUS),
    "USBMountPointManagerSrv": ("string node_name, int32 action", STATUS),
    "VerifyModelReadySrv": ("string model_name", "bool response_status"),
    "VideoStateSrv": ("int8 activate_video", STATUS),
}
"""Request and response."""

_OTHERS = {
    "builtin_interfaces/msg/Time": "int32 sec, uint32 nanosec",
    "std_msgs/msg/Header": "builtin_interfaces/msg/Time stamp, string frame_id",
    "sensor_msgs/msg/CompressedImage": "std_msgs/msg/Header header, string format, uint8[] data",
    "service_msgs/msg/ServiceEventInfo": (
        "uint8 event_type, builtin_interfaces/msg/Time stamp, char[16] client_gid, int64 sequence_number"
    ),
}
_NUMBERS = {
    "int8": 2,
    "uint8": 3,
    "int32": 6,
    "uint32": 7,
    "int64": 8,
    "float32": 10,
    "char": 3,
    "bool": 15,
    "string": 17,
}
_NESTED, _ARRAY, _BOUNDED, _UNBOUNDED = 1, 48, 96, 144
_EMPTY = "uint8 structure_needs_at_least_one_member"


def definitions() -> dict[str, str]:
    """Return the field list of every type by its full name, with those that ROS 2 makes of a service."""
    known = dict(_OTHERS)
    known |= {f"{PACKAGE}/msg/{name}": fields for name, fields in MESSAGES.items()}
    for short, (request, response) in SERVICES.items():
        name = f"{PACKAGE}/srv/{short}"
        known[f"{name}_Request"] = request or _EMPTY
        known[f"{name}_Response"] = response or _EMPTY
        known[f"{name}_Event"] = (
            "service_msgs/msg/ServiceEventInfo info, "
            f"{name}_Request[<=1] request, {name}_Response[<=1] response"
        )
        parts = ("Request", "Response", "Event")
        known[name] = ", ".join(f"{name}_{part} {part.lower()}_message" for part in parts)
    return known


def type_hash(name: str) -> str:
    """Return the hash of a type by its full name."""
    known = definitions()
    needed: set[str] = set()
    _collect(name, known, needed)
    described = {
        "type_description": _described(name, known),
        "referenced_type_descriptions": [_described(other, known) for other in sorted(needed)],
    }
    text = json.dumps(described, separators=(", ", ": "))
    return f"RIHS01_{hashlib.sha256(text.encode()).hexdigest()}"


def _fields(text: str) -> list[tuple[str, str]]:
    """Return type and name of every field."""
    rows = [group.split() for group in text.split(", ")]
    return [(kind, name) for kind, *names in rows for name in names]


def _collect(name: str, known: dict[str, str], found: set[str]) -> None:
    for kind, _ in _fields(known[name]):
        nested = kind.partition("[")[0]
        if nested not in _NUMBERS and nested not in found:
            found.add(nested)
            _collect(nested, known, found)


def _described(name: str, known: dict[str, str]) -> dict[str, Any]:
    fields = [{"name": field, "type": _type(kind)} for kind, field in _fields(known[name])]
    return {"type_name": name, "fields": fields}


def _type(kind: str) -> dict[str, Any]:
    element, bracket, size = kind.partition("[")
    size = size.rstrip("]")
    number = _NUMBERS.get(element, _NESTED)
    if bracket:
        number += _UNBOUNDED if not size else _BOUNDED if size.startswith("<=") else _ARRAY
    return {
        "type_id": number,
        "capacity": int(size.removeprefix("<=") or 0),
        "string_capacity": 0,
        "nested_type_name": "" if element in _NUMBERS else element,
    }

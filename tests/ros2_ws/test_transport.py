"""Messages go by UDP, never through shared memory, and only as far as the computer's owner has said."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from car.ros_domain import own_domain
from sim2race_car.transport import BUILT_IN, CHOSEN, LOCAL_ONLY, PROFILES, RANGE, leave_shared_memory

PEER = """
import json, sys, threading
from pathlib import Path
from car.topics import STOP
from sim2race_car import ros
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import String
context = ros.own_context()
node = Node(sys.argv[1], context=context)
executor = SingleThreadedExecutor(context=context)
executor.add_node(node)
heard = []
listens = ros.subscribe(node, STOP, lambda message: heard.append(message.data))
speaks = ros.publish(node, STOP)
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
has_said = False
while not ended.wait(0.02):
    speaks.publish(String(data=sys.argv[1]))
    executor.spin_once(timeout_sec=0.02)
    if not has_said and len(set(heard)) == 2:
        threads = [task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
        print(json.dumps({"heard": sorted(set(heard)), "threads": threads}), flush=True)
        has_said = True
"""


def _chosen(**given: str) -> dict[str, str]:
    environment = dict(given)
    leave_shared_memory(environment)
    return environment


def test_a_car_speaks_by_udp_on_its_network() -> None:
    assert _chosen() == dict.fromkeys(CHOSEN, str(PROFILES / "udp.xml"))


@pytest.mark.parametrize("given", [{RANGE: "LOCALHOST"}, {RANGE: "localhost"}, {LOCAL_ONLY: "1"}])
def test_who_speaks_to_this_computer_only_still_does(
    given: dict[str, str],
) -> None:
    chosen = _chosen(**given)
    assert {chosen[name] for name in CHOSEN} == {str(PROFILES / "loopback.xml")}
    # ROS 2's own setting would add the transport of shared memory to the profile's.
    assert chosen[RANGE] == "SYSTEM_DEFAULT"
    assert chosen.get(LOCAL_ONLY, "0") == "0"
    assert _chosen(**chosen) == chosen, "a process that inherits it changes its mind"


@pytest.mark.parametrize(
    "given",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp", RANGE: "LOCALHOST"},
        {CHOSEN[0]: "/home/racer/mine.xml", RANGE: "LOCALHOST"},
        {CHOSEN[1]: "/home/racer/mine.xml"},
        {BUILT_IN: "SHM"},
    ],
)
def test_what_the_owner_has_chosen_stays(given: dict[str, str]) -> None:
    assert _chosen(**given) == given


@pytest.mark.parametrize("ranges", [("LOCALHOST", "LOCALHOST"), ("LOCALHOST", "SUBNET")])
def test_two_processes_hear_each_other_without_shared_memory(ranges: tuple[str, str]) -> None:
    inherited = {
        name: value for name, value in os.environ.items() if name not in (*CHOSEN, RANGE, LOCAL_ONLY)
    }
    with own_domain() as domain:
        peers = [
            subprocess.Popen(
                [sys.executable, "-c", PEER, name],
                env=inherited | {"ROS_DOMAIN_ID": str(domain), RANGE: reach},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name, reach in zip(("first", "second"), ranges, strict=True)
        ]
        try:
            # Each speaks on until both have heard; one that never hears ends in the test's own time limit.
            said = [json.loads(peer.stdout.readline()) for peer in peers if peer.stdout]
        finally:
            for peer in peers:
                peer.kill()
                peer.communicate()
    assert [one["heard"] for one in said] == [["first", "second"]] * 2
    threads = [thread for one in said for thread in one["threads"]]
    assert any(thread.startswith("dds.udp") for thread in threads)
    assert not [thread for thread in threads if thread.startswith("dds.shm")]

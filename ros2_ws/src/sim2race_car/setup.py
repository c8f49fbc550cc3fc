"""The nodes that run on the car, as colcon builds it."""

from setuptools import setup

NAME = "sim2race_car"
NODES = ("camera_node", "inference_node", "drive_node", "log_node", "replay_node", "status_node")

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    package_data={NAME: ["transports/*.xml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    # By this colcon knows what runs the tests.
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    maintainer="sim2race",
    maintainer_email="sim2race@example.com",
    description="The nodes that run on the car",
    license="Apache-2.0",
    entry_points={"console_scripts": [f"{node} = {NAME}.{node}:main" for node in NODES]},
)

"""Tests of the ROS 2 packages, with real messages over loopback."""

"""Tests of the launch files, against a strict recorder and, where there is one, ROS 2's own launch."""

"""Tests of what runs on the vehicle, and the policies and logs that other tests use too."""

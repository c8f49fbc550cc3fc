"""Tests of what is read out of car logs, and the logs and frame tables that they share."""

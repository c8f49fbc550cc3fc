"""What runs on the vehicle, and the contracts that every other part obeys.

Here live: action spaces, preprocessing, the policy file, calibration, PWM, the drive state machine and
car logs. Not here: anything that needs torch, numba or gymnasium; a 2 GB Raspberry Pi installs this.
"""

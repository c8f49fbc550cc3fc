# make demo   the whole loop: train, export, drive, log, replay
# make test   what CI runs: lint, types, tests, the ROS 2 workspace with colcon
# make colcon the ROS 2 workspace with colcon: build and test; a part of make test
# make bench  how fast the simulator and the console are on this machine
# make setup  the environment both need; a second run does nothing twice

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Where ROS 2 is installed and sourced, the environment sees its rclpy; elsewhere ROS 2 comes from wheels.
# The bootstrapper puts $(VENV)/lib on the library path, where our interface packages go in both cases.
ifeq ($(and $(ROS_DISTRO),$(shell $(PYTHON) -c 'import rclpy; print("yes")' 2>/dev/null)),yes)
VENV_FLAGS := --system-site-packages
ROS := cmake ninja ros-wheels-bootstrapper scikit-build-core
else
EXTRAS := ,ros,ros-build
endif

.PHONY: demo test bench colcon setup prerequisites

demo: setup
	$(BIN)/sim2race demo

test: setup
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| { echo "The console's tests need Chromium: sudo apt-get install chromium"; exit 1; }
	@started=$$(date +%s); set -e; \
	$(BIN)/ruff check .; $(BIN)/ruff format --check .; $(BIN)/mypy; $(BIN)/pytest; \
	$(BIN)/python -m ros2_ws.build_workspace; \
	echo "All good: lint, types and tests in $$(( $$(date +%s) - started )) s."

colcon: setup
	@$(BIN)/python -m ros2_ws.build_workspace

bench: setup
	$(BIN)/sim2race bench sim
	$(BIN)/sim2race bench console

setup: $(VENV)/installed
	@$(BIN)/python ros2_ws/build_interfaces.py

$(VENV)/installed: pyproject.toml constraints.txt | prerequisites
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV_FLAGS) $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt $(ROS) -e '.[car,train,console,dev,colcon$(EXTRAS)]'
	@touch $@

prerequisites:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "sim2race needs Python 3.10 or newer: sudo apt-get install python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "sim2race needs Python's venv module: sudo apt-get install python3-venv"; exit 1; }
	@test -f "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" \
		|| { echo "sim2race needs Python's headers: sudo apt-get install python3-dev"; exit 1; }
	@command -v g++ >/dev/null \
		|| { echo "sim2race needs a C++ compiler: sudo apt-get install g++"; exit 1; }

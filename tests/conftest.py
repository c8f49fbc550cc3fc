"""What every test starts from."""

import signal

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so their children; what a
# product does on Ctrl-C is under test here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from __future__ import annotations

import pytest

from analysis.console.dead_man import SETTLE_S, SILENCE_S, Beat, DeadMan
from car.clock import HeldClock
from car.errors import Sim2RaceError
from tests.analysis.console.live_car import PretendedCar

STOPPED = "the car stopped: no picture"


def _beat_on(dead_man: DeadMan, clock: HeldClock, press: str, seconds: float, at_rest: str = "") -> None:
    """Hold for a while, with a car that says so."""
    for _ in range(round(seconds / 0.05)):
        dead_man.beat(Beat(press))
        clock.advance(0.05)
        dead_man.tick(at_rest)


@pytest.fixture
def car() -> PretendedCar:
    return PretendedCar()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def dead_man(car: PretendedCar, clock: HeldClock) -> DeadMan:
    return DeadMan(car, clock)


def test_the_car_is_armed_by_the_first_beat_and_lives_on_the_next(
    dead_man: DeadMan, car: PretendedCar, clock: HeldClock
) -> None:
    for _ in range(50):
        dead_man.beat(Beat("press one"))
        clock.advance(0.05)
        dead_man.tick()

    assert (dead_man.held, car.state, car.told) == (True, "driving", ["autonomous", "arm"])


def test_every_press_says_who_drives_as_the_drive_may_have_forgotten(
    dead_man: DeadMan, car: PretendedCar
) -> None:
    for press in ("one", "two"):
        dead_man.beat(Beat(press, manual=True))
        dead_man.release(press)

    assert car.told == ["manual", "arm", "disarm"] * 2


def test_silence_stops_the_car_and_a_beat_that_comes_late_revives_nothing(
    dead_man: DeadMan, car: PretendedCar, clock: HeldClock
) -> None:
    dead_man.beat(Beat("press one"))
    clock.advance(SILENCE_S + 0.01)
    dead_man.tick()

    assert (car.state, dead_man.why_stopped) == ("ready", "the page fell silent")
    with pytest.raises(Sim2RaceError, match="press again"):
        dead_man.beat(Beat("press one"))
    assert car.state == "ready"
    dead_man.beat(Beat("press two"))
    assert car.state == "driving"


def test_a_car_that_stops_by_itself_ends_the_hold_and_wants_a_new_press(
    dead_man: DeadMan, car: PretendedCar, clock: HeldClock
) -> None:
    _beat_on(dead_man, clock, "press one", SETTLE_S + 0.1)
    assert dead_man.held
    _beat_on(dead_man, clock, "press one", 0.05, STOPPED)

    assert (dead_man.held, car.told) == (False, ["autonomous", "arm", "disarm"])
    with pytest.raises(Sim2RaceError, match=r"ended: the car stopped: no picture\. Let go and press again"):
        dead_man.beat(Beat("press one"))
    assert car.told.count("arm") == 1


def test_what_a_car_said_before_a_press_does_not_end_it_and_what_it_goes_on_saying_does(
    dead_man: DeadMan, car: PretendedCar, clock: HeldClock
) -> None:
    _beat_on(dead_man, clock, "press one", SETTLE_S - 0.1, STOPPED)
    assert (dead_man.held, car.state) == (True, "driving")
    _beat_on(dead_man, clock, "press one", SETTLE_S)
    assert dead_man.held
    dead_man.release("press one")

    _beat_on(dead_man, clock, "press two", SETTLE_S + 0.05, STOPPED)
    assert (dead_man.held, car.state) == (False, "ready")


def test_a_release_stops_at_once_and_one_that_overtakes_its_press_is_remembered(
    dead_man: DeadMan, car: PretendedCar
) -> None:
    dead_man.beat(Beat("press one"))
    dead_man.release("press one")
    assert car.state == "ready"

    dead_man.release("press two")
    with pytest.raises(Sim2RaceError):
        dead_man.beat(Beat("press two"))
    assert car.told.count("arm") == 1


def test_only_one_page_holds_but_any_page_stops(dead_man: DeadMan, car: PretendedCar) -> None:
    dead_man.beat(Beat("press one"))
    with pytest.raises(Sim2RaceError, match="Another page"):
        dead_man.beat(Beat("press two"))
    dead_man.release("press three")
    assert car.state == "driving"

    assert dead_man.stop() == ""
    assert car.state == "ready"


def test_a_car_that_does_not_arm_is_not_held_and_says_why(dead_man: DeadMan, car: PretendedCar) -> None:
    car.refuses = "no policy is loaded"

    with pytest.raises(Sim2RaceError, match="no policy is loaded"):
        dead_man.beat(Beat("press one"))
    assert not dead_man.held and car.told[-1] == "disarm"


def test_the_stick_is_heard_only_while_held_by_hand(dead_man: DeadMan, car: PretendedCar) -> None:
    dead_man.beat(Beat("press one", manual=False, angle=1.0, throttle=1.0))
    dead_man.release("press one")
    dead_man.beat(Beat("press two", manual=True, angle=0.5, throttle=0.2))
    dead_man.release("press two")

    assert car.sticks == [(0.5, 0.2), (0.0, 0.0)]
    assert car.told == ["autonomous", "arm", "disarm", "manual", "arm", "disarm"]


def test_a_stop_that_the_car_does_not_confirm_is_asked_for_again_and_nobody_drives_meanwhile(
    car: PretendedCar, clock: HeldClock
) -> None:
    class Deaf(PretendedCar):
        deaf = 2

        def disarm(self) -> str:
            self.deaf -= 1
            return "no answer" if self.deaf >= 0 else super().disarm()

    deaf = Deaf()
    dead_man = DeadMan(deaf, clock)
    dead_man.beat(Beat("press one"))
    dead_man.release("press one")
    with pytest.raises(Sim2RaceError, match="still being stopped"):
        dead_man.beat(Beat("press two"))
    dead_man.tick()
    dead_man.tick()

    assert deaf.state == "ready"


def test_a_release_while_the_car_is_being_armed_ends_with_the_car_disarmed(clock: HeldClock) -> None:
    class Slow(PretendedCar):
        def arm(self) -> str:
            held.release("press one")  # As another thread does while this one waits for the answer.
            return super().arm()

    car = Slow()
    held = DeadMan(car, clock)
    held.beat(Beat("press one"))

    assert (car.state, held.held) == ("ready", False)

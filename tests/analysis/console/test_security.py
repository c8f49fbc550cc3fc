from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.security import CSRF_HEADER, cookie_name

TOKEN = "correct-horse-battery"


@pytest.fixture
def local(tmp_path: Path) -> FlaskClient:
    return create_app(ConsoleConfig(logs=tmp_path)).test_client()


@pytest.fixture
def public(tmp_path: Path) -> FlaskClient:
    return create_app(ConsoleConfig(logs=tmp_path, host="0.0.0.0"), token=TOKEN).test_client()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machines_own_address_needs_no_token(tmp_path: Path, host: str) -> None:
    app = create_app(ConsoleConfig(logs=tmp_path, host=host))

    assert app.config["TOKEN"] is None
    assert app.test_client().get("/").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "car.local", ""])
def test_any_other_address_makes_a_token_that_cannot_be_guessed(tmp_path: Path, host: str) -> None:
    tokens = {create_app(ConsoleConfig(logs=tmp_path, host=host)).config["TOKEN"] for _ in range(3)}

    assert len(tokens) == 3
    assert min(len(token) for token in tokens) >= 32


@pytest.mark.parametrize("host", ["localhost", "localhost:8432", "127.0.0.1:1", "[::1]:8432", "LOCALHOST:80"])
def test_a_local_console_answers_to_this_machines_names(local: FlaskClient, host: str) -> None:
    assert local.get("/api/logs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8432",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil@localhost",
        "192.168.1.5",
        "[::1",
        "",
        "localhost,evil.example",
    ],
)
def test_a_local_console_refuses_a_name_that_was_pointed_at_it(local: FlaskClient, host: str) -> None:
    answer = local.get("/api/logs", headers={"Host": host})

    assert answer.status_code in (400, 403)
    assert b"logs" not in answer.data


@pytest.mark.parametrize("address", ["/", "/api/logs", "/static/log.js", "/log/x", "/nothing"])
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={TOKEN}x", f"?token={TOKEN[:-1]}"])
def test_without_the_token_nothing_is_answered(public: FlaskClient, address: str, query: str) -> None:
    answer = public.get(address + query)

    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_the_link_with_the_token_opens_the_console_and_a_cookie_keeps_it_open(public: FlaskClient) -> None:
    first = public.get(f"/?token={TOKEN}")

    cookie = first.headers["Set-Cookie"]
    assert first.status_code == 200
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert public.get("/api/logs").status_code == 200
    assert "Set-Cookie" not in public.get("/api/logs").headers


@pytest.mark.parametrize("value", ["", "wrong", "é", TOKEN.upper()])
def test_a_wrong_cookie_opens_nothing(public: FlaskClient, value: str) -> None:
    public.set_cookie(cookie_name(TOKEN), value)

    assert public.get("/api/logs").status_code == 401


def test_what_is_only_shown_cannot_be_changed(local: FlaskClient) -> None:
    token = {CSRF_HEADER: local.application.config["CHANGE_TOKEN"]}
    for method in (local.post, local.put, local.delete, local.patch):
        assert method("/api/logs").status_code == 403
        assert method("/api/logs", json={}, headers=token).status_code == 405

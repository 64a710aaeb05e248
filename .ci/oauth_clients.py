"""Authlib and requests against a running server: token, introspection, revocation."""

import os

import requests
from authlib.integrations.requests_client import OAuth2Session

url, account, key = (os.environ[name] for name in ("AUTH_URL", "AUTH_ACCOUNT", "AUTH_KEY"))


def introspect(session, token):
    answer = session.introspect_token(url + "/oauth/introspect", token=token)
    answer.raise_for_status()
    return answer.json()


def of_authlib(method):
    session = OAuth2Session(
        account, key, scope="read:todos", token_endpoint_auth_method=method, revocation_endpoint_auth_method=method
    )
    token = session.fetch_token(url + "/oauth/token", grant_type="client_credentials")
    assert token["token_type"].lower() == "bearer" and token["scope"] == "read:todos", token
    assert session.get(url + "/users/me").json()["id"] == account
    known = introspect(session, token["access_token"])
    assert known["active"] and known["client_id"] == account and known["scope"] == "read:todos", known
    session.revoke_token(url + "/oauth/revoke", token=token["access_token"]).raise_for_status()
    assert introspect(session, token["access_token"]) == {"active": False}
    assert session.get(url + "/users/me").status_code == 401


def of_requests():
    grant = {"grant_type": "client_credentials"}
    answer = requests.post(url + "/oauth/token", auth=(account, key), data=grant)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store", answer.text
    wrong = requests.post(url + "/oauth/token", auth=(account, key[:-1] + "_"), data=grant)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client"), wrong.text
    assert wrong.headers["www-authenticate"].startswith("Basic")
    token = {"token": answer.json()["access_token"]}
    known = requests.post(url + "/oauth/introspect", headers={"authorization": "Bearer " + key}, data=token)
    assert known.json()["username"] == "billing", known.text
    assert requests.post(url + "/oauth/revoke", data=token).status_code == 200


for method in ("client_secret_basic", "client_secret_post"):
    of_authlib(method)
of_requests()
print("Authlib and requests: token, introspection, revocation")

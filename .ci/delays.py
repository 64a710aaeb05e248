"""What `.ci/delays` runs."""

import base64
import http.client
import http.server
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

PROGRAM, SCRATCH = os.environ["PROGRAM"], os.environ["SCRATCH"]
ROUNDS = int(os.environ.get("ROUNDS", "20"))
POISONED = int(os.environ.get("POISONED", "300"))
PASSWORD = "wilted-orchid-paddles-north"
PATIENCE = 20


class Receiver:
    """Notes when what came, and from whom it speaks."""

    def __init__(self):
        self.arrived, receiver = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                receiver.arrived.append((time.monotonic(), receiver.user(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/"

    @staticmethod
    def user(body):
        if body.startswith("logout_token="):
            part = body.split(".")[1]
            return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"], "logout"
        event = json.loads(body)
        return event["data"]["user_id"], event["type"]

    def wait(self, *wanted):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for at, what in list(self.arrived):
                if what == wanted:
                    return at
            time.sleep(0.001)
        return None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def ask(port, method, path, body=None, token=None, form=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"content-type": "application/x-www-form-urlencoded" if form else "application/json"}
    if token:
        headers["authorization"] = "Bearer " + token
    connection.request(method, path, body=form or (body and json.dumps(body)), headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(text) if text.startswith(b"{") else {}


def start(settings, port):
    log = open(f"{SCRATCH}/log", "a")
    process = subprocess.Popen([PROGRAM], env={**settings, "PORT": str(port)}, cwd=SCRATCH, stdout=log, stderr=log)
    for _ in range(600):
        try:
            if ask(port, "GET", "/health/ready")[0] == 200:
                return process
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("the server does not start: " + open(f"{SCRATCH}/log").read()[-2000:])


def until(is_seen):
    """When it was seen first."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if is_seen():
            return time.monotonic()
        time.sleep(0.005)
    return None


def run():
    webhook, logout = Receiver(), Receiver()
    here, there = free_port(), free_port()
    settings = {
        "DATABASE_URL": os.environ.get("DATABASE_URL", f"sqlite://{SCRATCH}/auth.db?mode=rwc"),
        "SECRET_KEY": base64.b64encode(os.urandom(48)).decode(),
        "ISSUER": "https://auth.example.com",
        "AUDIENCE": "https://auth.example.com",
        "THROTTLE": "off",
        "LOG_LEVEL": "warn",
        "WEBHOOK_URL": webhook.url,
        "WEBHOOK_SECRET": "whsec_" + base64.b64encode(os.urandom(32)).decode(),
        "LOGOUT_URLS": logout.url,
        "WEBHOOK_ALLOW_PRIVATE": "true",
    }
    servers = [start(settings, port) for port in (here, there)]

    def command(*words):
        done = subprocess.run([PROGRAM, *words], env=settings, cwd=SCRATCH, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def enter(email):
        account = {"email": email, "password": PASSWORD}
        ask(here, "POST", "/register", account)
        token = ask(here, "POST", "/login", account)[2]["access_token"]
        return token, ask(here, "GET", "/users/me", token=token)[2]["id"]

    enter("admin@example.com")
    command("users", "set-role", "admin@example.com", "admin")
    admin, _ = enter("admin@example.com")
    service = ask(here, "POST", "/service-accounts", {"name": "looks"}, admin)[2]["id"]
    scopes = {"name": "looks", "scopes": ["introspect", "events"]}
    looks = ask(here, "POST", f"/service-accounts/{service}/api-keys", scopes, admin)[2]["key"]

    def change(what, token, user):
        if what == "session ended":
            return ask(here, "POST", "/logout", token=token), "signed_out"
        if what == "role taken away":
            return ask(here, "PATCH", f"/users/{user}", {"roles": []}, admin), "roles_changed"
        return ask(here, "DELETE", f"/users/{user}", token=admin), "deleted"

    found = {}
    for number in range(ROUNDS * 3):
        what = ["session ended", "role taken away", "account deleted"][number % 3]
        if number % 30 == 0:
            admin, _ = enter("admin@example.com")
        email = f"{number}@example.com"
        _, user = enter(email)
        ask(here, "PATCH", f"/users/{user}", {"roles": ["editor"]}, admin)
        token, _ = enter(email)
        key = ask(here, "POST", "/users/me/api-keys", {"name": "job", "scopes": ["read:todos"]}, token)[2]["key"]
        code = {"session ended": "signed_out", "role taken away": "roles_changed"}.get(what, "deleted")
        # Past what has happened so far.
        webhook.wait(user, "api_key_created")
        webhook.arrived.clear()
        logout.arrived.clear()
        place = ask(there, "GET", "/events", token=looks)[2]["next"]

        def introspected(of):
            told = ask(there, "POST", "/oauth/introspect", token=looks, form=f"token={of}")[2]
            return not told["active"] or "editor" not in told["roles"]

        def verified(path, by):
            status, headers, _ = ask(there, "GET", path, token=by)
            return status == 401 or "editor" not in headers.get("x-auth-roles", "editor")

        def read():
            after, deadline = place, time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                page = ask(there, "GET", f"/events?after={after}&wait=5", token=looks)[2]
                if any((event["user_id"], event["type"]) == (user, code) for event in page["events"]):
                    return time.monotonic()
                after = page["next"]
            return None

        ways = {
            "introspection": lambda: until(lambda: introspected(token)),
            "/verify": lambda: until(lambda: verified("/verify", token)),
            "feed": read,
            "webhook": lambda: webhook.wait(user, code),
        }
        if what != "session ended":
            ways["a key"] = lambda: until(lambda: verified("/verify?scope=read:todos", key))
        if what != "role taken away":
            ways["logout token"] = lambda: logout.wait(user, "logout")
        seen, threads = {}, []
        for way, look in ways.items():
            thread = threading.Thread(target=lambda way=way, look=look: seen.__setitem__(way, look()))
            thread.start()
            threads.append(thread)
        # At any time of the poll.
        time.sleep(0.3 + (number * 0.137) % 1)
        (status, _, _), _ = change(what, token, user)
        done = time.monotonic()
        if status not in (200, 204):
            sys.exit(f"{what}: {status}")
        for thread in threads:
            thread.join()
        for way, at in seen.items():
            if at is None:
                sys.exit(f"{what}: {way} never knows")
            found.setdefault((what, way), []).append(max(0, (at - done) * 1000))
    # Beside the good one now two that are of no use: one takes what comes and never answers, one does not take it.
    admin, _ = enter("admin@example.com")
    poison, refusing = socket.create_server(("127.0.0.1", 0), backlog=128), free_port()
    for port in (poison.getsockname()[1], refusing):
        status, _, answer = ask(here, "POST", "/webhooks", {"url": f"http://127.0.0.1:{port}/"}, admin)
        assert status == 201, answer
    beside = []
    for number in range(POISONED):
        account = {"email": f"beside-{number}@example.com", "password": PASSWORD}
        user = ask(here, "POST", "/register", account)[2]["id"]
        done = time.monotonic()
        at = webhook.wait(user, "registered")
        if at is None:
            sys.exit("registered: the webhook never knows beside a poison one")
        beside.append(max(0, (at - done) * 1000))
        webhook.arrived.clear()
    for server in servers:
        server.terminate()
    beside.sort()
    print(
        f"a good webhook beside one that hangs and one that refuses, {POISONED} events: median "
        f"{statistics.median(beside):.0f} ms, p99 {beside[len(beside) * 99 // 100 - 1]:.0f} ms, worst {beside[-1]:.0f} ms"
    )
    print(f"| change | way | median ms | worst ms of {ROUNDS} |\n| --- | --- | --- | --- |")
    for (what, way), delays in found.items():
        print(f"| {what} | {way} | {statistics.median(delays):.0f} | {max(delays):.0f} |", flush=True)


run()

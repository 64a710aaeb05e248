"""What `.ci/crash` runs."""

import base64
import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

PROGRAM, SCRATCH = os.environ["PROGRAM"], os.environ["SCRATCH"]
KILLS = int(os.environ.get("KILLS", "100"))
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
PASSWORD = "wilted-orchid-paddles-north"
AT = os.environ.get("AT", "random")
DICE = random.Random(int(os.environ.get("SEED", "1")))

# The receiver of the manual's page on webhooks, behind a server.
MANUAL = open("auth-core/src/manual/webhooks.md").read()
PYTHON = re.search(r"<!-- receiver: python -->\n```python\n(.*?)```", MANUAL, re.S).group(1)
NODE = re.search(r"<!-- receiver: node -->\n```js\n(.*?)```", MANUAL, re.S).group(1)
SERVER = NODE + """
const seen = new Map();
let requests = 0, last = null;
require("http").createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    if (request.method === "GET") {
      response.end(JSON.stringify({ requests, last, events: [...seen.values()] }));
      return;
    }
    try {
      const body = Buffer.concat(parts).toString();
      receive(request.headers, body, process.argv[1], seen);
      last = { headers: request.headers, body };
      requests += 1;
      response.statusCode = 204;
    } catch (error) {
      response.statusCode = 400;
    }
    response.end();
  });
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
"""


def receiver():
    process = subprocess.Popen(["node", "-e", SERVER, "--", SECRET], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def python_agrees(last):
    """The other receiver of the manual takes the same request."""
    words = {}
    exec(PYTHON, words)  # noqa: S102
    seen = {}
    words["receive"](last["headers"], last["body"], SECRET, seen)
    assert list(seen) == [last["headers"]["webhook-id"]]


def poison():
    """Takes connections and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def accept():
        while True:
            held.append(listener.accept())

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Server:
    def __init__(self, database, port, webhook):
        self.settings = {
            "DATABASE_URL": database,
            "PORT": str(port),
            "SECRET_KEY": base64.b64encode(os.urandom(48)).decode(),
            "THROTTLE": "off",
            "HASH_SLOTS": "2",
            "LOG_LEVEL": "warn",
            "WEBHOOK_URL": webhook,
            "WEBHOOK_SECRET": SECRET,
            "WEBHOOK_ALLOW_PRIVATE": "true",
        }
        self.port, self.process = port, None

    def start(self):
        log = open(f"{SCRATCH}/log", "a")
        self.process = subprocess.Popen([PROGRAM], env=self.settings, cwd=SCRATCH, stdout=log, stderr=log)
        for _ in range(600):
            if self.process.poll() is not None:
                sys.exit("the server ends: " + open(f"{SCRATCH}/log").read()[-2000:])
            if ask(self.port, "GET", "/health/ready")[0] == 200:
                return
            time.sleep(0.05)
        sys.exit("the server does not start")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def ask(port, method, path, body=None, token=None):
    """0 where there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = "Bearer " + token
    try:
        connection.request(method, path, body=body and json.dumps(body), headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def load(port, stop, worker):
    """People who come, sign in, change their password, sign out and go."""
    number = 0
    while not stop.is_set():
        number += 1
        account = {"email": f"{worker}-{number}@example.com", "password": PASSWORD}
        if ask(port, "POST", "/register", account)[0] == 0:
            time.sleep(0.05)
        status, answer = ask(port, "POST", "/login", account)
        if status != 200:
            continue
        token = json.loads(answer)["access_token"]
        act = DICE.randrange(4)
        if act == 0:
            ask(port, "DELETE", "/users/me", {"password": PASSWORD}, token)
        elif act == 1:
            change = {"current_password": PASSWORD, "new_password": PASSWORD + "-again"}
            ask(port, "POST", "/users/me/password", change, token)
        elif act == 2:
            ask(port, "POST", "/logout", token=token)


def links(port, stop, worker):
    """Many small changes: each is a mail and its event."""
    number = 0
    while not stop.is_set():
        number += 1
        if ask(port, "POST", "/forgot-password", {"email": f"{worker}-{number}@example.org"})[0] == 0:
            time.sleep(0.05)


def rows(database, sql):
    """Rows of texts."""
    if database.startswith("sqlite"):
        return [[str(cell) for cell in row] for row in sqlite3.connect(f"{SCRATCH}/auth.db").execute(sql)]
    if database.startswith("postgres"):
        answer = subprocess.run(["psql", "-qAtF\t", database, "-c", sql], capture_output=True, text=True, check=True)
    else:
        url = urllib.parse.urlparse(database)
        command = ["mariadb", "-h", url.hostname, "-P", str(url.port or 3306), "-u", url.username, "-N", "-B", url.path[1:]]
        if url.password:
            command.insert(1, "-p" + url.password)
        answer = subprocess.run([*command, "-e", sql], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in answer.stdout.splitlines()]


def fresh(kind):
    if kind == "sqlite":
        for name in os.listdir(SCRATCH):
            if name.startswith("auth.db"):
                os.remove(f"{SCRATCH}/{name}")
        return f"sqlite://{SCRATCH}/auth.db?mode=rwc"
    name = f"crash_{os.getpid()}"
    url = os.environ["AUTH_TEST_POSTGRES_URL" if kind == "postgres" else "AUTH_TEST_MYSQL_URL"]
    rows(url, f"CREATE DATABASE {name}")
    return url.rsplit("/", 1)[0] + "/" + name


def drop(kind, database):
    if kind != "sqlite":
        url, name = database.rsplit("/", 1)
        rows(url + ("/postgres" if kind == "postgres" else "/mysql"), f"DROP DATABASE {name}")


def administrator(server):
    account = {"email": "admin@example.com", "password": PASSWORD}
    ask(server.port, "POST", "/register", account)
    command = [PROGRAM, "users", "set-role", "admin@example.com", "admin"]
    subprocess.run(command, env=server.settings, cwd=SCRATCH, check=True, capture_output=True)
    return json.loads(ask(server.port, "POST", "/login", account)[1])["access_token"]


class Wire:
    """Between the server and its database: can kill the server at a certain message that it sends."""

    def __init__(self, host, port):
        self.upstream, self.lock, self.left, self.server, self.after = (host, port), threading.Lock(), None, None, False
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]

        def accept():
            while True:
                threading.Thread(target=self.carry, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def arm(self, server, number, after):
        """`after`: the database gets the message and answers, and the server never hears of it."""
        with self.lock:
            self.left, self.server, self.after = number, server, after

    def disarm(self):
        """Whether the server was killed, or is about to be."""
        with self.lock:
            is_fired, self.left = self.left is None, None
        return is_fired

    def is_due(self):
        with self.lock:
            if self.left is None:
                return False
            self.left -= 1
            if self.left > 0:
                return False
            self.left = None
            return True

    def carry(self, client):
        database = socket.create_connection(self.upstream)
        deaf = threading.Event()

        def hang_up():
            for end in (client, database):
                # A close alone would wait for whoever still reads.
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        def answers():
            try:
                while data := database.recv(65536):
                    if deaf.is_set():
                        self.server.kill()
                        break
                    client.sendall(data)
            except OSError:
                pass
            hang_up()

        threading.Thread(target=answers, daemon=True).start()
        try:
            while data := client.recv(65536):
                if self.is_due():
                    if not self.after:
                        self.server.kill()
                        break
                    deaf.set()
                database.sendall(data)
        except OSError:
            pass
        hang_up()


class Trace:
    """For SQLite: kills the server at a certain write to its files."""

    def __init__(self):
        self.process, self.server = None, None

    def arm(self, server, number, _):
        self.server = server
        calls = "pwrite64,fdatasync,ftruncate,unlink"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(server.process.pid), "-e", f"trace={calls}"]
        self.process = subprocess.Popen([*command, "-e", f"inject={calls}:signal=SIGKILL:when={number}"])
        tasks = f"/proc/{server.process.pid}/task"
        is_traced = False
        while not is_traced:
            time.sleep(0.01)
            states = [open(f"{tasks}/{task}/status").read() for task in os.listdir(tasks)]
            # Or it is dead already: it also writes when nobody asks it for anything.
            is_traced = all("TracerPid:\t0\n" not in state or "State:\tZ" in state for state in states)

    def disarm(self):
        # It does not listen to less while its tracee dies.
        self.process.kill()
        self.process.wait()
        return ask(self.server.port, "GET", "/health/live")[0] != 200


def changes(server, admin):
    """One of each kind, each with a person of its own: what has to be there before, and the request that is cut off."""
    port, number = server.port, [0]

    def account():
        number[0] += 1
        return {"email": f"one-{number[0]}@example.net", "password": PASSWORD}

    def person():
        who = account()
        ask(port, "POST", "/register", who)
        return who, json.loads(ask(port, "POST", "/login", who)[1])["access_token"]

    def of(token):
        return "/users/" + json.loads(ask(port, "GET", "/users/me", token=token)[1])["id"]

    def by_person(method, path, body=None):
        def prepare():
            who, token = person()
            return method, path, body and body(who), token

        return prepare

    def by_admin(method, path, body=None):
        def prepare():
            return method, path(of(person()[1])) if callable(path) else path, body, admin()

        return prepare

    def of_service(method, more=""):
        def prepare():
            made = json.loads(ask(port, "POST", "/service-accounts", {"name": "job"}, admin())[1])
            return method, f"/service-accounts/{made['id']}{more}", {"name": "job", "scopes": []} if more else None, admin()

        return prepare

    again = PASSWORD + "-again"
    return {
        "register": lambda: ("POST", "/register", account(), None),
        "login": lambda: ("POST", "/login", person()[0], None),
        "password": by_person("POST", "/users/me/password", lambda _: {"current_password": PASSWORD, "new_password": again}),
        "logout": by_person("POST", "/logout"),
        "end others": by_person("DELETE", "/users/me/sessions"),
        "forgotten": by_person("POST", "/forgot-password", lambda who: {"email": who["email"]}),
        "profile": by_person("PATCH", "/users/me", lambda _: {"name": "Ada"}),
        "key made": by_person("POST", "/users/me/api-keys", lambda _: {"name": "job", "scopes": ["read:todos"]}),
        "deleted": by_person("DELETE", "/users/me", lambda _: {"password": PASSWORD}),
        "sessions ended": by_admin("DELETE", lambda user: user + "/sessions"),
        "role": by_admin("PATCH", lambda user: user, {"roles": ["editor"]}),
        "disabled": by_admin("PATCH", lambda user: user, {"disabled": True}),
        "deleted by admin": by_admin("DELETE", lambda user: user),
        "service made": by_admin("POST", "/service-accounts", {"name": "job"}),
        "key of a service": of_service("POST", "/api-keys"),
        "service deleted": of_service("DELETE"),
        "webhook made": by_admin("POST", "/webhooks", {"url": "https://192.0.2.1/", "types": ["registered"]}),
    }


def kill_at_each(kind, server, wire):
    """Each change is cut off at its first statement, its second, and so on, until it comes to its end."""

    def admin():
        account = {"email": "admin@example.com", "password": PASSWORD}
        return json.loads(ask(server.port, "POST", "/login", account)[1])["access_token"]

    kills, endings = 0, {}
    for name, prepare in changes(server, admin).items():
        for after in [False, True] if kind != "sqlite" else [False]:
            for number in range(1, 200):
                method, path, body, token = prepare()
                wire.arm(server, number, after)
                status, answer = ask(server.port, method, path, body, token)
                if wire.disarm():
                    server.process.wait(20)
                    kills += 1
                    server.start()
                if status >= 400:
                    sys.exit(f"{name}: {status} {answer}")
                # What was cut off after the answer was something else that the server did.
                if status != 0:
                    endings[name] = number - 1
                    print(f"{kind}: {name}: {number - 1}", file=sys.stderr, flush=True)
                    break
    print(f"{kind}: killed at each of " + ", ".join(f"{number} of {name}" for name, number in endings.items()), flush=True)
    return kills


def kill_at_random(server):
    token = administrator(server)
    status, answer = ask(server.port, "POST", "/webhooks", {"url": f"http://127.0.0.1:{poison()}/"}, token)
    assert status == 201, answer
    stop = threading.Event()
    workers = [threading.Thread(target=load, args=(server.port, stop, worker)) for worker in range(4)]
    workers += [threading.Thread(target=links, args=(server.port, stop, worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(KILLS):
        time.sleep(DICE.uniform(0.05, 1.0))
        server.kill()
        server.start()
    stop.set()
    for worker in workers:
        worker.join()
    return KILLS


def run(kind):
    database = fresh(kind)
    node, port = receiver()
    server = Server(database, free_port(), f"http://127.0.0.1:{port}/")
    if AT == "random":
        server.start()
        kills = kill_at_random(server)
    else:
        url = urllib.parse.urlparse(database)
        wire = Trace() if kind == "sqlite" else Wire(url.hostname, url.port)
        if kind != "sqlite":
            server.settings["DATABASE_URL"] = database.replace(f"{url.hostname}:{url.port}", f"127.0.0.1:{wire.port}")
        server.start()
        administrator(server)
        kills = kill_at_each(kind, server, wire)

    # For as long as something arrives: after so many kills much waits, and the turn of the one that was killed last lasts a while.
    told, before, deadline = {}, -1, time.time() + 60
    while time.time() < deadline:
        told = json.loads(ask(port, "GET", "/")[1])
        if told["requests"] > before:
            before, deadline = told["requests"], time.time() + 60
        last = int(rows(database, "SELECT COALESCE(MAX(seq), 0) FROM auth_event")[0][0])
        left = int(rows(database, "SELECT COUNT(*) FROM auth_event WHERE seq IS NULL")[0][0])
        if left == 0 and last in (event["data"]["seq"] for event in told["events"]):
            break
        time.sleep(0.5)
    server.kill()
    told = json.loads(ask(port, "GET", "/")[1])
    node.kill()
    events = {event["data"]["seq"]: event for event in told["events"]}
    stored = {int(seq): code for seq, code in rows(database, "SELECT seq, code FROM auth_event WHERE seq > 0")}
    # The first is what happened before the webhook had a place.
    begun = min(events, default=0)
    missing = [seq for seq in stored if seq >= begun and seq not in events]
    other = [seq for seq, event in events.items() if stored.get(seq) != event["type"]]
    holes = sorted(set(range(1, max(stored) + 1)) - set(stored))
    accounts = set()
    for _, event in sorted(events.items()):
        if event["type"] in ("registered", "created", "service_account_created"):
            accounts.add(event["data"]["user_id"])
        elif event["type"] in ("deleted", "service_account_deleted"):
            accounts.discard(event["data"]["user_id"])
    there = sum(int(rows(database, f"SELECT COUNT(*) FROM {table}")[0][0]) for table in ("auth_user", "auth_service_account"))
    drop(kind, database)
    duplicates = told["requests"] - len(events)
    python_agrees(told["last"])
    print(
        f"{kind}: kills {kills}, events {len(events)}, duplicates {duplicates}, missing {len(missing)}, "
        f"others {len(other)}, holes {len(holes)}, accounts by events {len(accounts)}, in the database {there}",
        flush=True,
    )
    return not missing and not other and not holes and abs(there - len(accounts)) == (1 if begun > 1 else 0)


sys.exit(0 if all([run(kind) for kind in os.environ.get("DATABASES", "sqlite").split()]) else 1)

"""What `.ci/galera` runs."""

import base64
import concurrent.futures
import http.client
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM, SCRATCH = os.environ["PROGRAM"], os.environ["SCRATCH"]
PROVIDER = "/usr/lib/galera/libgalera_smm.so"
PASSWORD = "wilted-orchid-paddles-north"
SECRET = base64.b64encode(os.urandom(48)).decode()
RACES, SHOWN = int(os.environ.get("RACES", "40")), int(os.environ.get("SHOWN", "25"))


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


class Node:
    """One database of the cluster."""

    def __init__(self, folder, number, ports, all_of_them):
        self.port, self.folder = ports[0], f"{folder}/{number}"
        os.mkdir(self.folder)
        self.user = []
        if os.getuid() == 0:
            account = pwd.getpwnam("mysql")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.user = ["--user=mysql"]
        install = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run([*install, *self.user, f"--datadir={self.folder}"], check=True, capture_output=True)
        cluster = "" if number == 0 else ",".join(f"127.0.0.1:{port}" for port in all_of_them)
        options = {
            "datadir": self.folder,
            "port": ports[0],
            "socket": f"{self.folder}/socket",
            "bind-address": "127.0.0.1",
            "pid-file": f"{self.folder}/pid",
            "binlog-format": "ROW",
            "innodb-autoinc-lock-mode": 2,
            "innodb-flush-log-at-trx-commit": 0,
            "wsrep-on": "ON",
            "wsrep-provider": PROVIDER,
            "wsrep-cluster-name": "auth",
            "wsrep-cluster-address": f"gcomm://{cluster}",
            "wsrep-node-address": f"127.0.0.1:{ports[1]}",
            "wsrep-node-name": f"node{number}",
            "wsrep-sst-method": "rsync",
            "wsrep-sst-receive-address": f"127.0.0.1:{ports[3]}",
            "wsrep-provider-options": f"base_host=127.0.0.1;base_port={ports[1]};ist.recv_addr=127.0.0.1:{ports[2]};gcache.size=32M",
        }
        log = open(f"{self.folder}.log", "w")
        command = ["mariadbd", "--no-defaults", *self.user, *(f"--{name}={value}" for name, value in options.items())]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.time() + 120
        while self.state() != "Synced":
            if self.process.poll() is not None or time.time() > deadline:
                sys.exit("a node does not start: " + open(f"{self.folder}.log").read()[-3000:])
            time.sleep(0.3)

    def sql(self, text):
        command = ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", str(self.port), "-u", "root", "-N", "-B", "-e", text]
        return subprocess.run(command, capture_output=True, text=True)

    def state(self):
        words = self.sql("SHOW STATUS LIKE 'wsrep_local_state_comment'").stdout.split()
        return words[1] if len(words) > 1 else None

    def behind(self, seconds):
        """Applies nothing that the others write for so long."""
        text = f"FLUSH TABLES WITH READ LOCK; SELECT 'held'; SELECT SLEEP({seconds}); UNLOCK TABLES"
        command = ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", str(self.port), "-u", "root", "-n", "-N", "-B", "-e", text]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "held\n"
        return process


class Instance:
    def __init__(self, node, number):
        (self.port,) = free_ports(1)
        self.settings = {
            "DATABASE_URL": f"mysql://root@127.0.0.1:{node.port}/auth",
            "PORT": str(self.port),
            "SECRET_KEY": SECRET,
            "PUBLIC_URL": "http://localhost:8000",
            "THROTTLE": "off",
            "REFRESH_GRACE_SECONDS": "0",
            "LOG_LEVEL": "warn",
        }
        self.log = f"{SCRATCH}/instance{number}"
        self.process = subprocess.Popen([PROGRAM], env=self.settings, cwd=SCRATCH, stdout=open(self.log, "w"), stderr=subprocess.STDOUT)

    def is_ready(self):
        for _ in range(1200):
            if self.process.poll() is not None:
                return False
            if self.ask("GET", "/health/ready")[0] == 200:
                return True
            time.sleep(0.05)
        return False

    def ask(self, method, path, body=None, token=None, cookie=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"content-type": "application/json"}
        headers |= {"authorization": "Bearer " + token} if token else {}
        headers |= {"cookie": cookie} if cookie else {}
        try:
            connection.request(method, path, body=body and json.dumps(body), headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("set-cookie", ""), answer.read()
        except (OSError, http.client.HTTPException):
            return 0, "", b""
        finally:
            connection.close()

    def enter(self, email):
        account = {"email": email, "password": PASSWORD}
        self.ask("POST", "/register", account)
        status, cookie, answer = self.ask("POST", "/login", account)
        assert status == 200, answer
        return json.loads(answer)["access_token"], cookie.split(";")[0]


def at_once(*calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def run(folder):
    good = True

    def tell(what, is_good):
        nonlocal good
        good = good and is_good
        print(("" if is_good else "NOT GOOD: ") + what, flush=True)

    ports = [free_ports(4) for _ in range(3)]
    nodes = [Node(folder, number, ports[number], [port[1] for port in ports]) for number in range(3)]
    try:
        nodes[0].sql("CREATE DATABASE auth CHARACTER SET utf8mb4")
        time.sleep(1)
        instances = at_once(*(lambda node=node, number=number: Instance(node, number) for number, node in enumerate(nodes)))
        ready = at_once(*(instance.is_ready for instance in instances))
        tell(f"three first starts at once: {sum(ready)} of 3", all(ready))
        if not all(ready):
            for instance in instances:
                print(open(instance.log).read()[-1500:])
            return False
        first, second, third = instances

        # Two administrators, each takes the role of the other away.
        none_left, statuses = 0, {}
        tokens, ids = [], []
        for name in ("ada", "bob"):
            first.enter(f"{name}@example.com")
            command = [PROGRAM, "users", "set-role", f"{name}@example.com", "admin"]
            subprocess.run(command, env=first.settings, cwd=SCRATCH, check=True, capture_output=True)
            token = first.enter(f"{name}@example.com")[0]
            tokens.append(token)
            ids.append(json.loads(first.ask("GET", "/users/me", token=token)[2])["id"])
        count = "SELECT COUNT(DISTINCT user_id) FROM auth.auth_user_role WHERE role = 'admin'"
        for _ in range(RACES):
            for user in ids:
                command = [PROGRAM, "users", "set-role", "ada@example.com" if user == ids[0] else "bob@example.com", "admin"]
                subprocess.run(command, env=first.settings, cwd=SCRATCH, check=True, capture_output=True)
            tokens = [first.enter(f"{name}@example.com")[0] for name in ("ada", "bob")]
            gave_up = at_once(
                lambda: first.ask("PATCH", f"/users/{ids[0]}", {"roles": []}, tokens[0])[0],
                lambda: second.ask("PATCH", f"/users/{ids[1]}", {"roles": []}, tokens[1])[0],
            )
            for status in gave_up:
                statuses[status] = statuses.get(status, 0) + 1
            none_left += nodes[2].sql("SET wsrep_sync_wait = 7; " + count).stdout.strip() == "0"
        failed = sum(times for status, times in statuses.items() if status >= 500 or status == 0)
        tell(f"two last administrators step down at two nodes: none left in {none_left} of {RACES}, {statuses}", none_left == 0 and failed == 0)

        # One address at three nodes.
        statuses, twice = {}, 0
        for number in range(RACES):
            account = {"email": f"same-{number}@example.com", "password": PASSWORD}
            answers = at_once(*(lambda one=one: one.ask("POST", "/register", account)[0] for one in instances))
            twice += sorted(answers) != [201, 409, 409]
            for status in answers:
                statuses[status] = statuses.get(status, 0) + 1
        failed = sum(times for status, times in statuses.items() if status >= 500 or status == 0)
        tell(f"one address registered at three nodes: {statuses}", twice == 0 and failed == 0)

        # A cookie that is a moment old, at a node that has not heard of it.
        lost, statuses = 0, {}
        for number in range(SHOWN):
            _, cookie = first.enter(f"shown-{number}@example.com")
            held = nodes[1].behind(0.5)
            answer = first.ask("POST", "/refresh-token", cookie=cookie)
            assert answer[0] == 200, answer
            status, after, body = second.ask("POST", "/refresh-token", cookie=answer[1].split(";")[0])
            held.wait()
            statuses[status] = statuses.get(status, 0) + 1
            lost += "Max-Age=0" in after or status == 401
        tell(f"cookies shown at a node that is behind: lost {lost} of {SHOWN}, {statuses}", lost == 0)
        for instance in instances:
            instance.process.terminate()
    finally:
        for node in nodes:
            node.process.kill()
    return good


if not os.path.exists(PROVIDER):
    sys.exit(f"{PROVIDER} is missing: apt-get install galera-4")
where = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
os.chmod(where, 0o755)
try:
    sys.exit(0 if run(where) else 1)
finally:
    shutil.rmtree(where, ignore_errors=True)

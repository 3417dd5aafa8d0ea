"""Hosts of a test network in namespaces of their own, with links that delay, lose and break.

A hub and hosts around it, each in a network namespace, reached through a link of its own. A link delays every packet by `delay_ms` one
way and loses a share `loss` of them, in both directions, and can be cut and mended. Where the kernel has the queueing discipline
netem, `tc` does that on a veth pair; where it has none, two TUN devices are joined by a relay in this process that holds back and drops
packets. Either way the TCP stacks of the kernel see packets late and missing, and act as they do.

Needs root, and `ip` of iproute2. `why_not()` says what is missing.
"""

import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


def why_not():
    """What is missing for namespaces, or None."""
    if os.geteuid() != 0:
        return "namespaces need root"
    if shutil.which("ip") is None:
        return "there is no command ip (iproute2)"
    name = f"covolt-try-{os.getpid()}"
    tried = run("ip", "netns", "add", name, check=False)
    if tried.returncode != 0:
        return f"namespaces cannot be made here: {tried.stderr.strip()}"
    try:
        if run("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up", check=False).returncode != 0:
            return "commands cannot be run in a namespace here"
        if not has_netem(name) and not os.path.exists("/dev/net/tun"):
            return "the kernel has neither netem nor TUN devices"
    finally:
        run("ip", "netns", "del", name, check=False)
    return None


def has_netem(namespace):
    if shutil.which("tc") is None:
        return False
    tried = run("ip", "netns", "exec", namespace, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms", check=False)
    run("ip", "netns", "exec", namespace, "tc", "qdisc", "del", "dev", "lo", "root", check=False)
    return tried.returncode == 0


class Relay:
    """Packets between two TUN devices, late and not all of them."""

    def __init__(self, ends, delay_ms, loss, seed):
        self.ends, self.delay_s, self.loss = ends, delay_ms / 1000, loss
        self.cut = False
        self.random = random.Random(seed)
        self.carried = self.lost = 0
        self.running = True
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        waiting, number = [], 0
        while self.running:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, end, packet = heapq.heappop(waiting)
                try:
                    os.write(end, packet)
                except OSError:
                    pass
            timeout = min(0.05, max(0.0, waiting[0][0] - now)) if waiting else 0.05
            ready, _, _ = select.select(self.ends, [], [], timeout)
            for end in ready:
                try:
                    packet = os.read(end, 65536)
                except OSError:
                    continue
                if self.cut or self.random.random() < self.loss:
                    self.lost += 1
                    continue
                self.carried += 1
                other = self.ends[1] if end == self.ends[0] else self.ends[0]
                number += 1
                heapq.heappush(waiting, (time.monotonic() + self.delay_s, number, other, packet))

    def stop(self):
        self.running = False
        self.thread.join()
        for end in self.ends:
            os.close(end)


class Network:
    """A hub at 10.77.0.1 and hosts at 10.77.N.2, each behind a link of its own."""

    def __init__(self, hosts, delay_ms=0.0, loss=0.0, seed=1, prefix="covolt"):
        self.hub = f"{prefix}-hub"
        self.names = {host: f"{prefix}-{n}" for n, host in enumerate(hosts, 1)}
        self.numbers = {host: n for n, host in enumerate(hosts, 1)}
        self.delay_ms, self.loss = delay_ms, loss
        self.relays = {}
        self.close()
        for name in [self.hub, *self.names.values()]:
            run("ip", "netns", "add", name)
            run("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")
        run("ip", "netns", "exec", self.hub, "ip", "address", "add", "10.77.0.1/32", "dev", "lo")
        self.netem = has_netem(self.hub)
        for host in hosts:
            (self.join_by_netem if self.netem else self.join_by_relay)(host, seed)

    def how(self):
        return "tc netem" if self.netem else "TUN devices and a relay (this kernel has no netem)"

    def addresses(self, host, inner, outer):
        n, name = self.numbers[host], self.names[host]
        run("ip", "netns", "exec", self.hub, "ip", "address", "add", f"10.77.{n}.1", "peer", f"10.77.{n}.2", "dev", inner)
        run("ip", "netns", "exec", name, "ip", "address", "add", f"10.77.{n}.2", "peer", f"10.77.{n}.1", "dev", outer)
        run("ip", "netns", "exec", self.hub, "ip", "link", "set", inner, "up")
        run("ip", "netns", "exec", name, "ip", "link", "set", outer, "up")
        run("ip", "netns", "exec", name, "ip", "route", "add", "default", "via", f"10.77.{n}.1", "dev", outer)

    def join_by_netem(self, host, _seed):
        n, name = self.numbers[host], self.names[host]
        inner, outer = f"cv{n}", f"cw{n}"
        run("ip", "link", "add", inner, "netns", self.hub, "type", "veth", "peer", "name", outer, "netns", name)
        self.addresses(host, inner, outer)
        self.mend(host)

    def join_by_relay(self, host, seed):
        n, name = self.numbers[host], self.names[host]
        inner, outer = f"cv{n}", f"cw{n}"
        ends = (open_tun(self.hub, inner), open_tun(name, outer))
        self.addresses(host, inner, outer)
        self.relays[host] = Relay(ends, self.delay_ms, self.loss, seed + n)

    def weather(self, host, text):
        n, name = self.numbers[host], self.names[host]
        for namespace, device in ((self.hub, f"cv{n}"), (name, f"cw{n}")):
            run("ip", "netns", "exec", namespace, "tc", "qdisc", "replace", "dev", device, "root", "netem", *text)

    def cut(self, host):
        if self.netem:
            self.weather(host, ["loss", "100%"])
        else:
            self.relays[host].cut = True

    def mend(self, host):
        if self.netem:
            self.weather(host, ["delay", f"{self.delay_ms}ms", "loss", f"{100 * self.loss}%"])
        else:
            self.relays[host].cut = False

    def command(self, host, *command):
        """The command as it is run on a host; on the hub for None."""
        return ["ip", "netns", "exec", self.hub if host is None else self.names[host], *command]

    def close(self):
        for relay in self.relays.values():
            relay.stop()
        self.relays = {}
        for name in [self.hub, *self.names.values()]:
            run("ip", "netns", "del", name, check=False)


def open_tun(namespace, device):
    """A TUN device in a namespace, as a file descriptor of this process."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    result = []

    def enter():
        libc_setns(other)
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
        result.append(end)

    # Only the thread changes its namespace.
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    os.close(own)
    os.close(other)
    if not result:
        raise OSError(f"no TUN device {device} in {namespace}")
    return result[0]


def libc_setns(descriptor):
    import ctypes

    CLONE_NEWNET = 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")

#!/usr/bin/env python3
"""Asks an API server twenty times a second whether it is there, and says for how long it was gone.

    probe.py watch LOG VIP ADDRESS...     probes until it is ended, one line per answer in LOG
    probe.py report LOG FROM [TO]         what happened between the two times (seconds, as in date +%s.%N)

A probe is GET /healthz over a new TLS connection with a limit of 2 s, or PROBE_LIMIT. (TCP sends a packet that
nobody took again after 1 s: a lower limit sees shorter outages, a busy machine needs the longer one.) One is
started every twentieth of a second at every address at once, whether earlier ones were answered or not. The API
server is *gone* while a probe of the VIP fails though a probe of at least one node's own address, started at
the same moment, succeeds: so a machine that is too slow for all of them is not counted.

report prints three numbers of milliseconds:
    gone     the longest time from the start of a probe that found it gone to the next answer of the VIP
    total    all such times together
    back     from FROM to the first answer of the VIP after which it was not gone any more
"""
import asyncio
import os
import ssl
import sys
import time

EVERY = 0.05
LIMIT = float(os.environ.get("PROBE_LIMIT", "2"))
REQUEST = b"GET /healthz HTTP/1.0\r\nHost: lab\r\n\r\n"


async def ask(address, context):
    reader, writer = await asyncio.open_connection(address, 6443, ssl=context)
    try:
        writer.write(REQUEST)
        return b" 200 " in await reader.readline()
    finally:
        writer.transport.abort()


async def probe(log, start, address, context):
    try:
        ok = await asyncio.wait_for(ask(address, context), LIMIT)
    except (OSError, asyncio.TimeoutError, ssl.SSLError):
        ok = False
    log.write(f"{start:.3f} {time.time():.3f} {address} {int(ok)}\n")


async def watch(path, addresses):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    tasks = set()
    with open(path, "w", buffering=1) as log:
        while True:
            start = time.time()
            for address in addresses:
                task = asyncio.ensure_future(probe(log, start, address, context))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(max(0, start + EVERY - time.time()))


def report(path, since, until):
    rounds, vip = {}, None
    with open(path) as log:
        for line in log:
            start, end, address, ok = line.split()
            rounds.setdefault(float(start), {})[address] = (float(end), ok == "1")
    with open(path + ".vip") as f:
        vip = f.read().strip()
    outages, begun, back, seen = [], None, None, 0
    for start in sorted(rounds):
        if not since <= start <= until or vip not in rounds[start]:
            continue
        end, ok = rounds[start].pop(vip)
        if ok:
            if begun is not None:
                outages.append(end - begun)
                begun = back = None
            back = back or end
            seen += 1
        elif any(own for _, own in rounds[start].values()):
            begun = begun or start
    if begun is not None:
        outages.append(until - begun)
        back = None
    if not seen and not outages:
        sys.exit("probe.py: no probe between the two times")
    ms = [int(x * 1000) for x in outages]
    print(max(ms, default=0), sum(ms), int((back - since) * 1000) if back else "never")


def main(argv):
    if len(argv) >= 4 and argv[1] == "watch":
        with open(argv[2] + ".vip", "w") as f:
            f.write(argv[3])
        asyncio.run(watch(argv[2], argv[3:]))
    elif len(argv) in (4, 5) and argv[1] == "report":
        report(argv[2], float(argv[3]), float(argv[4]) if len(argv) == 5 else time.time() - LIMIT)
    else:
        sys.exit(__doc__)


main(sys.argv)

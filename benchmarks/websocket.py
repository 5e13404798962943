"""
What does WebSocket cost? CPU time of our broker per delivered message, pairs of clients at QoS 0, beside plain TCP.

    python benchmarks/websocket.py [--seconds 2] [--rounds 3] [--payload 64]

Both ways go to the same process, turn and turn about; the load generator is C{websocket_load.c}, which needs a C
compiler. The last line is the ratio; the bar is 3.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
RUN_TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
BAR = 3.0
PAIRS, WINDOW = 10, 50


def start(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
    """
    Our broker, and its ports.
    """
    command = [sys.executable, "-c", RUN_TWISTD, "-n", "--pidfile=", "mqtt-broker", "--store", "memory"]
    command += ["--listen", "tcp:0:interface=127.0.0.1", "--listen", "ws:tcp:0:interface=127.0.0.1"]
    said = folder / "said.log"
    with said.open("wb") as log:
        broker = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    for _ in range(300):
        text = said.read_text()
        ports = {kind: int(port) for port, kind in re.findall(r"listening on 127\.0\.0\.1:(\d+) \((tcp|ws):", text)}
        if len(ports) == 2:
            print(next(line for line in text.splitlines() if "floors" in line).partition("] ")[2])
            return broker, ports
        if broker.poll() is not None:
            break
        time.sleep(0.1)
    broker.kill()
    raise SystemExit(f"the broker did not start:\n{said.read_text()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0].strip())
    parser.add_argument("--seconds", type=float, default=2.0, help="so long each measurement takes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--payload", type=int, default=64, help="bytes, at most 3000")
    options = parser.parse_args()
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("no C compiler: the load generator can't be built")
    with TemporaryDirectory(prefix="websocket-") as name:
        folder = Path(name)
        load = folder / "load"
        subprocess.run([compiler, "-O2", "-o", str(load), str(HERE / "websocket_load.c")], check=True)
        broker, ports = start(folder)
        try:
            costs: dict[str, list[float]] = {"tcp": [], "ws": []}
            for _ in range(options.rounds):
                for kind, found in costs.items():
                    words = [ports[kind], kind, PAIRS, WINDOW, options.payload, options.seconds, broker.pid]
                    ran = subprocess.run([load, *map(str, words)], check=True, stdout=subprocess.PIPE)
                    delivered, seconds = map(float, ran.stdout.split())
                    found.append(seconds / delivered * 1e6)
        finally:
            broker.send_signal(signal.SIGTERM)
            broker.wait(30)
    for kind, found in costs.items():
        print(f"{kind:4}{median(found):8.2f} us per delivery ({', '.join(f'{cost:.2f}' for cost in found)})")
    ratio = median(costs["ws"]) / median(costs["tcp"])
    print(f"ratio {ratio:.2f}, {'within' if ratio <= BAR else 'above'} the bar of {BAR:g}")
    sys.exit(ratio > BAR)


if __name__ == "__main__":
    main()

"""polls.py PID STATUS URL: what one look of the loop costs beside one `git ls-remote`, taking turns.

Prints "MS-OF-A-LOOK MS-OF-LS-REMOTE RATIO": the middle of five turns. The loop looks without a pause; it
is stopped while git runs."""
import json, os, signal, statistics, subprocess, sys, time

pid, status, url = int(sys.argv[1]), sys.argv[2], sys.argv[3]
turns = []


def looks():
    with open(status) as file:
        return json.load(file)["finished"]


def next_look(after):
    while looks() == after:
        time.sleep(0.0005)
    return time.monotonic(), looks()


for _ in range(5):
    start, before = next_look(looks())
    end, after = start, before
    while after - before < 5 or end - start < 0.3:
        end, after = next_look(after)
    look = (end - start) / (after - before) * 1000
    os.kill(pid, signal.SIGSTOP)
    times = []
    for _ in range(6):
        start = time.monotonic()
        subprocess.run(["git", "ls-remote", url], check=True, stdout=subprocess.DEVNULL)
        times.append((time.monotonic() - start) * 1000)
    os.kill(pid, signal.SIGCONT)
    turns.append((look / statistics.mean(times), look, statistics.mean(times)))
ratio, look, git = sorted(turns)[2]
print(f"{look:.1f} {git:.1f} {ratio:.2f}")

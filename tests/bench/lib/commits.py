"""commits.py REPO MANIFEST LOG N: how long after a commit its plan is there. Prints "MIDDLE LONGEST" in ms.

The loop writes NDJSON to LOG; each commit changes one word of MANIFEST."""
import statistics, subprocess, sys, time

repo, manifest, log, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
times = []


def plans():
    with open(log, "rb") as file:
        return file.read().count(b'"type":"change_summary"')


with open(manifest) as file:
    text = file.read()
for i in range(n + 1):
    with open(manifest, "w") as file:
        file.write(text.replace("@mark@", f"word{i}"))
    subprocess.run(["git", "-C", repo, "add", "-A"], check=True)
    tree = subprocess.run(["git", "-C", repo, "write-tree"], check=True, capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(["git", "-C", repo, "commit-tree", "-p", "HEAD", "-m", f"word {i}", tree], check=True,
        capture_output=True, text=True).stdout.strip()
    before = plans()
    subprocess.run(["git", "-C", repo, "update-ref", "HEAD", commit], check=True)
    start = time.monotonic()
    while plans() == before:
        if time.monotonic() - start > 30:
            sys.exit("no plan")
        time.sleep(0.001)
    if i:
        times.append((time.monotonic() - start) * 1000)
    time.sleep(0.3)
print(f"{statistics.median(times):.0f} {max(times):.0f}")

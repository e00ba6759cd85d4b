"""Saves a manifest again and again while `devenv watch` follows it; prints how long each save took to
show in a file that it makes, in milliseconds: the middle one, then the longest. Arguments: the
manifest, the file, how many saves."""
import os
import sys
import time

manifest, made, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
text = open(manifest).read()
took = []
for i in range(count):
    mark = f"save-{i}"
    with open(manifest + "~", "w") as file:
        file.write(text.replace("@mark@", mark))
    time.sleep(0.3)  # a save that stands alone
    started = time.monotonic()
    os.rename(manifest + "~", manifest)
    while True:
        try:
            with open(made) as file:
                if file.read() == mark:
                    break
        except FileNotFoundError:
            pass
        if time.monotonic() - started > 20:
            sys.exit("nothing happened")
        time.sleep(0.0002)
    took.append((time.monotonic() - started) * 1000)
took.sort()
print(f"{took[len(took) // 2]:.1f} {took[-1]:.1f}")

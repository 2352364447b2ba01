"""Prints the shell scripts of a workflow, for shellcheck: scripts/workflows.py FOLDER FILE...

Each `run:` of FILE becomes a file in FOLDER, with the expressions of the workflow, ${{ … }}, in it
replaced by a word. Fails if an action is not pinned by a commit with its release in a comment.
It needs ruamel.yaml: scripts/need.sh workflows installs it in target/workflows-venv.
"""

import pathlib
import re
import sys

from ruamel.yaml import YAML

folder, *files = sys.argv[1:]
found = 0
for path in map(pathlib.Path, files):
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        action = re.match(r"\s*(?:- )?uses:\s*(.*)", line)
        if not action or action[1].startswith("./"):
            continue
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action[1]):
            sys.exit(f"{path}:{number}: expected OWNER/NAME@COMMIT # vX.Y.Z, got {action[1]}")
    document = YAML(typ="safe").load(text)
    jobs = document.get("jobs", {"": document.get("runs")})
    for job, content in jobs.items():
        for number, step in enumerate(content["steps"], 1):
            if "run" not in step:
                continue
            script = re.sub(r"\$\{\{.*?\}\}", "expression", step["run"], flags=re.DOTALL)
            name = f"{path.parent.name}-{path.stem}-{job}-{number}.sh"
            # GitHub runs them with these options.
            pathlib.Path(folder, name).write_text(f"#!/usr/bin/env bash\nset -e -o pipefail\n{script}", encoding="utf-8")
            found += 1
if not found:
    sys.exit("workflows: no script was found")

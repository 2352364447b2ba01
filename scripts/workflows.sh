#!/usr/bin/env bash
# Checks the files of .github: against the host's schemas, which check-jsonschema comes with; for
# habits that make a workflow unsafe, with zizmor; that each job has a time limit and each action a
# commit; and the scripts in workflows with shellcheck.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/workflows-venv/bin
[ -x "$tools/zizmor" ] || { echo "workflows: zizmor is missing; scripts/need.sh workflows installs it" >&2; exit 1; }
schema() {
    local output
    output=$("$tools/check-jsonschema" --builtin-schema "$@" 2>&1) && return
    printf '%s\n' "$output" >&2
    return 1
}
schema vendor.github-workflows .github/workflows/*.yml
schema custom.github-workflows-require-timeout .github/workflows/*.yml
schema vendor.github-actions .github/actions/*/action.yml
schema vendor.dependabot .github/dependabot.yml
schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
for form in .github/ISSUE_TEMPLATE/*.yml; do
    [ "${form##*/}" = config.yml ] || schema vendor.github-issue-forms "$form"
done
findings=$("$tools/zizmor" --offline --quiet --no-progress --strict-collection .github 2>&1) || {
    printf '%s\n' "$findings" >&2
    exit 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$tools/python" scripts/workflows.py "$folder" .github/workflows/*.yml .github/actions/*/action.yml

shellcheck --external-sources --source-path "$PWD" "$folder"/*.sh

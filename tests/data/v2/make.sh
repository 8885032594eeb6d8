#!/usr/bin/env bash
# How the workspaces of this folder were made: make.sh FOLDER makes all of them in an empty folder.
# REFINER is a program of format 2. Only a person at a terminal removes anything: script(1) is one here.
set -euo pipefail
out=$1
refiner=${REFINER:-refiner}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() { "$refiner" --dir "$project" --quiet "$@" > /dev/null; }
agree() { echo yes | script --quiet --return --command "$refiner --dir $project --quiet $*" /dev/null > /dev/null; }

project=$work/removals
mkdir "$project"
work_on() {
  run init "$1" --workflow document --goal "a goal of $1"
  run save "$1" --patch '{"data":{"i":1}}' --idempotency-key "key of $1"
}
for name in again gone purged reset; do work_on $name; done
agree reset reset --reason "'begin anew'"
run save reset --patch '{"data":{"i":2}}'
agree delete gone --reason "'no longer needed'"
agree delete again
work_on again
agree delete purged --purge
work_on purged
agree delete purged --purge
run init purged --workflow document
mkdir "$out/removals"
cp -r "$project/.refiner" "$out/removals/workspace"
rm -rf "$out/removals/workspace/locks" "$out/removals/workspace/.gitignore"

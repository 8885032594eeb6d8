#!/usr/bin/env bash
# How the workspaces of this folder were made: make.sh FOLDER makes v1 and v2 in an empty folder, each by the
# last program that wrote this format, which scripts/build-older-program builds.
# Each artifact is a loop that was left in the phase that it is named after. Only a person at a terminal
# stops a loop: script(1) is one here.
set -euo pipefail
out=$(realpath "$1")
cd "$(dirname "$0")/../../.."
format_1=0452e42c8c53a37b41f9d07975d7aff8c35b5dbb
format_2=$(tr -d '[:space:]' < tests/older/commit)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run() { "$refiner" --dir "$project" --quiet "$@" > /dev/null 2> "$work/said" || { cat "$work/said" >&2; exit 1; }; }
agree() { echo yes | script --quiet --return --command "$refiner --dir $project --quiet $*" /dev/null > /dev/null; }
complete() { run transition "$1" complete --phase "$2" --result "$3"; }
begin() { # name, iterations
  run init "$1" --type content --goal "a report" --max-iterations "$2" --constraint \
    '{"id":"there","description":"it is there","severity":"blocking","validation":{"method":"not_empty","params":{"path":"report.md"}}}' \
    --constraint '{"id":"tone","description":"it is kind","severity":"high"}'
}
# Goes on from specify, through as many phases as there are results.
specify() { complete "$1" specify "{\"summary\":\"s\",\"requires_approval\":${2:-false}}"; }
plan() { complete "$1" plan '{"steps":["write"]}'; }
execute() {
  echo "# A report" | run output write "$1" report.md
  complete "$1" execute '{"actions":["wrote"],"files_modified":["dist/report.md"]}'
}
reflect() { complete "$1" reflect "{\"constraints\":[{\"id\":\"tone\",\"status\":\"$2\"}],\"summary\":\"s\"}"; }
persist() { complete "$1" persist '{"actions":["kept"],"files_modified":["dist/report.md"]}'; }
through() { # name, up to this phase
  begin "$1" 3
  [ "$1" = specify ] && return
  specify "$1"
  for phase in plan execute; do
    [ "$1" = "$phase" ] && return
    "$phase" "$1"
  done
}

make() { # folder, commit
  scripts/build-older-program "$2"
  refiner=$PWD/${CARGO_TARGET_DIR:-target}/older/$2/refiner project=$work/$1
  mkdir "$project"
  for name in specify plan execute reflect persist converged closed; do through "$name"; done
  for name in persist converged closed; do reflect "$name" satisfied; done
  for name in converged closed; do persist "$name"; done
  run finalize closed
  begin approval 3; specify approval true; plan approval; execute approval; reflect approval satisfied
  begin exhausted 1; specify exhausted; plan exhausted; complete exhausted execute '{"actions":["nothing"]}'
  reflect exhausted violated; complete exhausted persist '{}'
  begin stopped 3; specify stopped; agree transition stopped stop
  # The earlier programs took a loop without goals, constraints and files.
  run init bare; complete bare specify '{}'; complete bare plan '{}'; complete bare execute '{}'
  complete bare reflect '{"constraints":[]}'
  mkdir "$out/$1"
  cp -r "$project/.refiner" "$out/$1/.refiner"
  rm -rf "$out/$1/.refiner/locks" "$out/$1/.refiner/.gitignore"
}

make v1 "$format_1"
make v2 "$format_2"

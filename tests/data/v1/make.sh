#!/usr/bin/env bash
# How the workspaces of this folder were made: make.sh FOLDER makes all of them in an empty folder.
# See README.md for how one becomes a case.
#
# REFINER is a program of format 1. REFINER_SMALL is the same one with segments of four entries
# (SIZES in src/storage/filesystem/mod.rs), so that a journal of several segments is small.
set -euo pipefail
out=$1
refiner=${REFINER:-refiner} small=${REFINER_SMALL:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
begin() { project=$work/$1 program=$2; mkdir "$project"; }
run() { "$program" --dir "$project" --quiet "$@" > /dev/null; }
# Without what every process makes again.
freeze() {
  mkdir "$out/$1"
  cp -r "$project/.refiner" "$out/$1/workspace"
  rm -rf "$out/$1/workspace/locks" "$out/$1/workspace/.gitignore"
}
text() { head -c "$1" /dev/zero | tr '\0' "$2"; }

begin document "$refiner"
run init notes --workflow document --goal "Größe, 大きさ" --inputs '{"source":"naïve.txt"}'
run save notes --patch '{"data":{"Grüße":"日本語 🦀 \u0000 \u2028","a/b~c":{"":[1,2.5,-3e300,null,true]}}}' --note "unicode ☃"
run save notes --patch '{"data":{"count":9007199254740993}}' --idempotency-key "schlüssel-1"
run checkpoint notes --label "vor dem Umbau"
run save notes --patch '{"data":{"Grüße":null,"a/b~c":{"":[1,2.5]},"new":"line\nbreak"}}'
run save notes --patch '{"data":{"new":"𝄞"},"goals":["other"]}' --expected-version 5
run restore notes 2
run init empty --workflow document
freeze document

begin loop "$refiner"
complete() { run transition report complete --phase "$1" --result "$2"; }
iterate() {
  complete plan '{"steps":["mend the links"]}'
  complete execute '{"actions":["mended"],"files_modified":["dist/report.md"]}'
  complete reflect "{\"constraints\":[{\"id\":\"links\",\"status\":\"$1\",\"details\":\"$2\"}],\"summary\":\"$2\"}"
  complete persist '{"actions":["kept"],"files_modified":["dist/report.md"]}'
}
run init report --type content --content-type direct:content --goal "A short report" --max-iterations 3 \
  --constraint '{"id":"links","description":"Links résolvent","severity":"blocking"}'
complete specify '{"summary":"A report","constraints":[{"id":"short","description":"One page","severity":"low"}]}'
iterate violated "two are broken"
run save report --patch '{"data":{"mended":2}}' --note "between two iterations"
iterate satisfied "all resolve"
run finalize report --summary "done"
run init report
complete specify '{"summary":"Another report"}'
complete plan '{"steps":["begin anew"]}'
freeze loop

begin segments "$small"
run init long --workflow document
for i in $(seq 1 13); do run save long --patch "{\"data\":{\"i\":$i}}" --idempotency-key "key-$i"; done
freeze segments

begin blobs "$small"
run init large --workflow document
run save large --patch "{\"data\":{\"one\":\"$(text 40000 x)\",\"other\":\"$(text 40000 y)\"}}"
run save large --patch '{"data":{"small":1}}'
for i in 2 3; do run save large --patch "{\"data\":{\"small\":$i}}"; done
freeze blobs

# A process was killed in the middle of a write: half a line, and copies that do not know of it.
begin torn "$refiner"
run init torn --workflow document
for i in 1 2; do run save torn --patch "{\"data\":{\"i\":$i}}"; done
cp -r "$project" "$work/later"
"$refiner" --dir "$work/later" --quiet save torn --patch '{"data":{"i":3}}' > /dev/null
journal=.refiner/artifacts/torn/journal/000000000001.jsonl
bytes=$(wc -c < "$project/$journal")
head -c $((bytes + 200)) "$work/later/$journal" > "$project/$journal"
freeze torn

#!/usr/bin/env bash
# Makes a finalized loop whose decisions later programs with the same rules derive alike: make.sh FOLDER, an
# empty one. REFINER is the program.
set -euo pipefail
refiner() { "${REFINER:-refiner}" --dir "$folder" --quiet "$@" > /dev/null; }
folder=$(cd "$1" && pwd)
complete() { refiner transition trams complete --phase "$1" --result "$2" --cost 0.1 --time-seconds 2.5; }
iterate() { # report, status
    complete plan '{"steps": ["write it"]}'
    printf '%s' "$1" > "$folder/report"
    refiner output write trams report.md "$folder/report"
    rm "$folder/report"
    complete execute '{"actions": ["wrote it"], "files_modified": ["report.md"], "manifest": {"variants": [{"name": "report", "file": "report.md"}]}}'
    refiner verify trams || true
    complete reflect '{"constraints": [{"id": "kind", "status": "'"$2"'", "details": "as read"}], "summary": "read"}'
    complete persist '{"actions": [], "files_modified": ["report.md"]}'
}
refiner init trams --type content --goal "Be brief"
complete specify '{"constraints": [
    {"id": "brief", "description": "it is brief", "severity": "blocking", "validation": {"method": "word_count", "params": {"path": "report.md", "max": 9}}},
    {"id": "kind", "description": "it is kind", "severity": "high"}]}'
iterate "One two three four five six seven eight nine ten." violated
refiner save trams --patch '{"data": {"note": "shorter"}}'
refiner checkpoint trams --label before
iterate "One in four is late." violated
refiner restore trams cp-10
iterate "One in four is late." satisfied
refiner finalize trams

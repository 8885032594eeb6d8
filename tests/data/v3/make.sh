#!/usr/bin/env bash
# Makes the workspaces of this folder anew: make.sh FOLDER makes all of them in an empty folder.
# REFINER is a program of format 3, and REFINER_SMALL the same one with segments of four entries.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export REFINER=${REFINER:-refiner}
export REFINER_SMALL=${REFINER_SMALL:-$REFINER}
bash "$here/../v1/make.sh" "$1"
bash "$here/../v2/make.sh" "$1"

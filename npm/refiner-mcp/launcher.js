#!/usr/bin/env node
// Runs the program that the package of this platform carries, as if it had been run itself: it has
// the same standard streams, gets the signals, and its end is this one's.
"use strict";

const { spawn } = require("node:child_process");

const platform = `${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "refiner.exe" : "refiner";

function program() {
  try {
    return require.resolve(`@refiner-mcp/${platform}/${file}`);
  } catch {
    console.error(
      `refiner-mcp: there is no program for ${platform} here. Either there is none at all, or it ` +
        "was left out: install again without --omit=optional, or `cargo install refiner`.",
    );
    process.exit(1);
  }
}

const child = spawn(program(), process.argv.slice(2), { stdio: "inherit" });

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill(signal));
}

child.on("error", (error) => {
  console.error(`refiner-mcp: ${error.message}`);
  process.exit(1);
});

child.on("exit", (code, signal) => {
  if (signal === null) {
    process.exit(code);
  }
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

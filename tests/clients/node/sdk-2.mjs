// Plays a story through the TypeScript SDK 2.x, in the newest revision that the transport has.

import { Host, Session, installed, target } from "./host.mjs";

const sdk = "@modelcontextprotocol/client";
const { Client, SSEClientTransport, StreamableHTTPClientTransport } = installed(sdk);
const { StdioClientTransport } = installed(`${sdk}/stdio`);

function transport() {
  switch (target.transport) {
    case "stdio":
      return new StdioClientTransport(target);
    case "sse":
      return new SSEClientTransport(new URL(target.url));
    default:
      return new StreamableHTTPClientTransport(new URL(target.url));
  }
}

const host = new Host();
const client = new Client(
  { name: "typescript-sdk-2", version: "2" },
  {
    capabilities: { elicitation: {} },
    versionNegotiation: { mode: target.transport === "sse" ? "legacy" : "auto" },
  },
);
client.setRequestHandler("elicitation/create", ({ params }) => host.answer(params.message));
await client.connect(transport());
await host.play(new Session(client, client.getNegotiatedProtocolVersion()));
await client.close();

// Plays a story through the TypeScript SDK 1.x.

import { Host, Session, installed, target } from "./host.mjs";

const sdk = "@modelcontextprotocol/sdk";
const { Client } = installed(`${sdk}/client/index.js`);
const { StdioClientTransport } = installed(`${sdk}/client/stdio.js`);
const { SSEClientTransport } = installed(`${sdk}/client/sse.js`);
const { StreamableHTTPClientTransport } = installed(`${sdk}/client/streamableHttp.js`);
const { ElicitRequestSchema } = installed(`${sdk}/types.js`);

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
  { name: "typescript-sdk-1", version: "1" },
  { capabilities: { elicitation: {} } },
);
client.setRequestHandler(ElicitRequestSchema, ({ params }) => host.answer(params.message));
const way = transport();
// What was negotiated the client tells only its transport.
let protocol;
const hear = way.setProtocolVersion?.bind(way);
way.setProtocolVersion = (version) => {
  protocol = version;
  hear?.(version);
};
await client.connect(way);
await host.play(new Session(client, protocol));
await client.close();

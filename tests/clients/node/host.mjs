// A host that plays a story of drafts and a person's answers through a session of whatever SDK.
//
// What to do, and which event ends it, is what the briefing says: the host keeps nothing from one call
// to the next but which draft and which answer are the next ones.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// Where the server is, the story to play, and where the SDKs are.
export const target = JSON.parse(process.argv[2]);
const story = JSON.parse(process.argv[3]);
export const installed = createRequire(process.argv[4]);

export class Host {
  #drafts = story.drafts.values();
  #answers = story.person.values();
  #asked = [];

  /** Answers for the person who is asked. */
  answer(question) {
    this.#asked.push(question);
    return this.#answers.next().value;
  }

  /** Plays the story to its end, and prints what was seen on the way. */
  async play(session) {
    const name = story.name;
    const tools = await session.tools();
    await session.call("init_state", { name, ...story.opening });
    const prompts = [];
    for (;;) {
      const { briefing } = await session.call("load_state", { name });
      const event = nextEvent(briefing);
      if (event === undefined) break;
      const prompt = briefing.next.prompt;
      if (prompt) {
        prompts.push(prompt);
        const text = await session.prompt(prompt, { name });
        assert(text.includes(name), text);
      }
      await this.#goOn(session, briefing, event);
    }
    const ended = await session.call("finalize", { name });
    await session.call("init_state", { name: "scratch", workflow: "document" });
    await session.call("delete_artifact", { name: "scratch", confirm: "scratch" });
    console.log(JSON.stringify({ ...session.facts(), tools, prompts, asked: this.#asked, ended }));
  }

  /** Does the work of a phase and ends it. */
  async #goOn(session, { phase }, event) {
    const call = { name: story.name, event, phase };
    if (event !== "approve") call.result = await this.#work(session, phase);
    await session.call("transition", call);
  }

  async #work(session, phase) {
    const name = story.name;
    switch (phase) {
      case "specify":
        return story.specification;
      case "plan":
        return story.plan;
      case "execute": {
        const draft = this.#drafts.next().value;
        for (const [path, content] of Object.entries(draft)) {
          const written = await session.call("write_output", { name, path, content });
          assert.equal(written.bytes, Buffer.byteLength(content));
        }
        const files_modified = Object.keys(draft);
        return { actions: ["wrote"], files_modified, manifest: story.manifest };
      }
      case "reflect": {
        // Asserts of everything that it holds. What is measured, the server knows better.
        const found = await session.call("verify", { name });
        const constraints = found.constraints.map(({ id }) => ({ id, status: "satisfied" }));
        return { constraints, summary: "it reads well" };
      }
      default:
        assert.equal(phase, "persist");
        return story.closing;
    }
  }
}

/** Returns the one event that needs no person, else to approve, else that there is none. */
function nextEvent(briefing) {
  const { events } = briefing.next;
  const ours = events.filter((one) => one.allowed && !one.needs_human);
  assert(ours.length < 2, JSON.stringify(briefing));
  return (ours[0] ?? events.find((one) => one.event === "approve"))?.event;
}

/** Returns what a tool says. That is said as text and once more for programs. */
function told({ isError, content, structuredContent }) {
  assert(!isError, JSON.stringify(content));
  const said = JSON.parse(content[0].text);
  assert.deepEqual(structuredContent, said);
  return said;
}

/** What both generations of the client have in common. */
export class Session {
  constructor(client, protocol) {
    this.client = client;
    this.protocol = protocol;
  }

  facts() {
    return { protocol: this.protocol, server: this.client.getServerVersion().name };
  }

  async tools() {
    const { tools } = await this.client.listTools();
    return tools.map((tool) => tool.name);
  }

  async prompt(name, given) {
    const { messages } = await this.client.getPrompt({ name, arguments: given });
    return messages[0].content.text;
  }

  async call(name, given) {
    return told(await this.client.callTool({ name, arguments: given }));
  }
}

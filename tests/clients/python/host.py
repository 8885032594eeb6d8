"""A host that plays a story of drafts and a person's answers through a session of whatever SDK.

What to do, and which event ends it, is what the briefing says: the host keeps nothing from one call
to the next but which draft and which answer are the next ones.
"""

import json
import sys


def given():
    """Returns where the server is, and the story to play."""
    return json.loads(sys.argv[1]), json.loads(sys.argv[2])


class Host:
    def __init__(self, story):
        self.story = story
        self.drafts = iter(story["drafts"])
        self.answers = iter(story["person"])
        self.asked = []

    def answer(self, question):
        """Answers for the person who is asked."""
        self.asked.append(question)
        return next(self.answers)

    async def play(self, session):
        """Plays the story to its end, and prints what was seen on the way."""
        name = self.story["name"]
        tools = await session.tools()
        await session.call("init_state", {"name": name, **self.story["opening"]})
        prompts = []
        while True:
            briefing = (await session.call("load_state", {"name": name}))["briefing"]
            event = next_event(briefing)
            if event is None:
                break
            prompt = briefing["next"].get("prompt")
            if prompt:
                prompts.append(prompt)
                text = await session.prompt(prompt, {"name": name})
                assert name in text, text
            await self.go_on(session, briefing, event)
        ended = await session.call("finalize", {"name": name})
        await session.call("init_state", {"name": "scratch", "workflow": "document"})
        await session.call("delete_artifact", {"name": "scratch", "confirm": "scratch"})
        seen = {"tools": tools, "prompts": prompts, "asked": self.asked, "ended": ended}
        print(json.dumps({**session.facts(), **seen}))

    async def go_on(self, session, briefing, event):
        """Does the work of a phase and ends it."""
        name, phase = self.story["name"], briefing["phase"]
        arguments = {"name": name, "event": event, "phase": phase}
        if event != "approve":
            arguments["result"] = await self.work(session, phase)
        await session.call("transition", arguments)

    async def work(self, session, phase):
        name = self.story["name"]
        if phase == "specify":
            return self.story["specification"]
        if phase == "plan":
            return self.story["plan"]
        if phase == "execute":
            draft = next(self.drafts)
            for path, content in draft.items():
                file = {"name": name, "path": path, "content": content}
                written = await session.call("write_output", file)
                assert written["bytes"] == len(content.encode()), written
            manifest = self.story["manifest"]
            return {"actions": ["wrote"], "files_modified": list(draft), "manifest": manifest}
        if phase == "reflect":
            # Asserts of everything that it holds. What is measured, the server knows better.
            found = (await session.call("verify", {"name": name}))["constraints"]
            constraints = [{"id": one["id"], "status": "satisfied"} for one in found]
            return {"constraints": constraints, "summary": "it reads well"}
        assert phase == "persist", phase
        return self.story["closing"]


def next_event(briefing):
    """Returns the one event that needs no person, else to approve, else that there is none."""
    events = briefing["next"]["events"]
    ours = [one["event"] for one in events if one["allowed"] and not one["needs_human"]]
    assert len(ours) < 2, briefing
    if ours:
        return ours[0]
    return next((one["event"] for one in events if one["event"] == "approve"), None)


def told(is_error, content, structured):
    """Returns what a tool says. That is said as text and once more for programs."""
    assert not is_error, content
    said = json.loads(content)
    assert structured == said, (structured, said)
    return said

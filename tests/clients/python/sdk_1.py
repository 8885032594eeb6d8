"""Plays a story through the Python SDK 1.x."""

import asyncio

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult, Implementation

from host import Host, given, told


class Session:
    def __init__(self, session, greeting):
        self.session = session
        self.greeting = greeting

    def facts(self):
        return {
            "protocol": self.greeting.protocolVersion,
            "server": self.greeting.serverInfo.name,
        }

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def prompt(self, name, arguments):
        prompt = await self.session.get_prompt(name, arguments)
        return prompt.messages[0].content.text

    async def call(self, tool, arguments):
        result = await self.session.call_tool(tool, arguments)
        return told(result.isError, result.content[0].text, result.structuredContent)


def connected(target):
    if target["transport"] == "stdio":
        command = {name: target[name] for name in ("command", "args", "env")}
        return stdio_client(StdioServerParameters(**command))
    if target["transport"] == "sse":
        return sse_client(target["url"])
    return streamable_http_client(target["url"])


async def main():
    target, story = given()
    host = Host(story)

    async def ask(_context, params):
        return ElicitResult(**host.answer(params.message))

    who = Implementation(name="python-sdk-1", version="1")
    async with connected(target) as (incoming, outgoing, *_):
        own = {"elicitation_callback": ask, "client_info": who}
        async with ClientSession(incoming, outgoing, **own) as session:
            greeting = await session.initialize()
            await host.play(Session(session, greeting))


asyncio.run(main())

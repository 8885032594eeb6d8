"""Plays a story through the Python SDK 2.x, in the newest revision that the transport has."""

import asyncio

from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters
from mcp_types import ElicitResult, Implementation

from host import Host, given, told


class Session:
    def __init__(self, client):
        self.client = client

    def facts(self):
        return {
            "protocol": self.client.protocol_version,
            "server": self.client.server_info.name,
        }

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def prompt(self, name, arguments):
        prompt = await self.client.get_prompt(name, arguments)
        return prompt.messages[0].content.text

    async def call(self, tool, arguments):
        result = await self.client.call_tool(tool, arguments)
        return told(result.is_error, result.content[0].text, result.structured_content)


def place(target):
    if target["transport"] == "stdio":
        command = {name: target[name] for name in ("command", "args", "env")}
        return StdioServerParameters(**command)
    if target["transport"] == "sse":
        return sse_client(target["url"])
    return target["url"]


async def main():
    target, story = given()
    host = Host(story)

    async def ask(_context, params):
        return ElicitResult(**host.answer(params.message))

    who = Implementation(name="python-sdk-2", version="2")
    async with Client(place(target), elicitation_callback=ask, client_info=who) as client:
        await host.play(Session(client))


asyncio.run(main())

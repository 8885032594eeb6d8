"""LangGraph's SqliteSaver behind a pipe: each line asks for a save or a load, and the answer says how
many seconds it took in here. So its figures are without a wire, as an agent in Python has it."""

import json
import sys
import time

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

THREAD = {"configurable": {"thread_id": "speed", "checkpoint_ns": ""}}


def save(saver, text):
    checkpoint = empty_checkpoint() | {"channel_values": {"text": text}, "channel_versions": {"text": 1}}
    saver.put(THREAD, checkpoint, {"source": "loop", "step": 1, "parents": {}}, {"text": 1})


def load(saver):
    return saver.get_tuple(THREAD).checkpoint["channel_values"]["text"]


def timed(saver, call):
    begin = time.perf_counter()
    text = save(saver, call["arguments"]["text"]) if call["name"] == "save" else load(saver)
    return {"seconds": time.perf_counter() - begin, "text": text}


with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            called = request["method"] == "tools/call"
            result = timed(saver, request["params"]) if called else {}
            print(json.dumps({"id": request["id"], "result": result}, separators=(",", ":")), flush=True)

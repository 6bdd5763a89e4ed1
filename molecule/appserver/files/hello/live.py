"""The same for ASGI, with a WebSocket that repeats what it is told."""

import json

import hello


async def app(scope, receive, send):
    if scope["type"] == "http":
        about = {"version": hello.VERSION} if scope["path"] == "/healthz" else hello.about()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(about).encode()})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (told := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{scope['scheme']} {told['text']}"})

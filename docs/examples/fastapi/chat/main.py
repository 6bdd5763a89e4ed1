from pathlib import Path

from fastapi import FastAPI, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from chat import database

HERE = Path(__file__).parent
app = FastAPI()


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(HERE / "page.html")


@app.get("/health")
def health() -> dict[str, str]:
    """A release is asked before it goes live, and so is every server all the time; an exception is an answer of 500."""
    database.latest(1)
    return {"status": "ok"}


@app.get("/messages")
def messages() -> list[str]:
    return database.latest(20)


@app.websocket("/ws")
async def talk(socket: WebSocket) -> None:
    """Every message is kept, and answered with its number."""
    await socket.accept()
    async for text in socket.iter_text():
        number = await run_in_threadpool(database.keep, text)
        await socket.send_json({"number": number, "text": text})


# For development; behind the stack nginx serves them.
app.mount("/static", StaticFiles(directory=HERE / "static"))

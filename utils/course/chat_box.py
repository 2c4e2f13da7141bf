"""A small chat box for a notebook: it streams, can be stopped, and keeps the thinking folded.

ChatBox           show() draws it; ask(text) is one turn, as it is without a person
as_html           a conversation as HTML; what a model writes is text and never markup
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable

from utils.io import is_headless


def as_html(turns: list[dict]) -> str:
    """The turns one under the other: role, thinking (folded), content."""
    rows = []
    for turn in turns:
        who = "You" if turn["role"] == "user" else "Model"
        thinking = html.escape(turn.get("thinking", ""))
        folded = f"<details><summary>thinking</summary><pre>{thinking}</pre></details>" if thinking else ""
        rows.append(f"<p><b>{who}</b></p>{folded}<pre style='white-space: pre-wrap'>{html.escape(turn['content'])}</pre>")
    return "".join(rows)


class ChatBox:
    """A conversation with a model that a server of Ollama's kind offers.

    client: an `ollama.Client`. options: of each request, such as {"temperature": 0}.
    """

    def __init__(self, client, model: str, options: dict | None = None):
        self.client, self.model, self.options = client, model, dict(options or {})
        self.turns: list[dict] = []
        self.stopped = threading.Event()

    def ask(self, text: str, show: Callable[[], None] = lambda: None) -> dict:
        """One turn: the question, then the answer, which grows while it is written; `show` is called after each piece.

        Setting `stopped` ends it, and the server is told by the end of the connection. An error is the answer's text.
        """
        self.stopped.clear()
        sent = [{"role": turn["role"], "content": turn["content"]} for turn in self.turns] + [{"role": "user", "content": text}]
        answer = {"role": "assistant", "content": "", "thinking": ""}
        self.turns += [sent[-1], answer]
        try:
            stream = self.client.chat(self.model, sent, stream=True, options=self.options)
            for part in stream:
                answer["thinking"] += part.message.thinking or ""
                answer["content"] += part.message.content or ""
                show()
                if self.stopped.is_set():
                    stream.close()
                    answer["content"] += " [stopped]"
                    break
        except Exception as error:  # noqa: BLE001  the box stays, whatever the server said
            answer["content"] += f"[{type(error).__name__}: {error}]"
        show()
        return answer

    def show(self) -> None:
        """The box with a field, a button that sends and one that stops; without a person the conversation so far."""
        from IPython.display import HTML, display

        if is_headless():
            display(HTML(as_html(self.turns)))
            return
        import ipywidgets

        page = ipywidgets.HTML(as_html(self.turns))
        field = ipywidgets.Text(placeholder="Ask, then press Enter", continuous_update=False, layout={"width": "70%"})
        send, stop = ipywidgets.Button(description="Send"), ipywidgets.Button(description="Stop", disabled=True)

        def refresh() -> None:
            page.value = as_html(self.turns)

        def work(text: str) -> None:
            self.ask(text, refresh)
            send.disabled, stop.disabled = False, True

        def begin(_=None) -> None:
            if field.value.strip() and not send.disabled:
                text, field.value = field.value, ""
                send.disabled, stop.disabled = True, False
                threading.Thread(target=work, args=(text,), daemon=True).start()

        send.on_click(begin)
        field.observe(begin, "value")  # Enter
        stop.on_click(lambda _: self.stopped.set())
        display(ipywidgets.VBox([page, field, ipywidgets.HBox([send, stop])]))

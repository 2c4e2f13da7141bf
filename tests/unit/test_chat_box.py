"""The chat box: it streams, can be stopped, keeps the conversation, and shows a model's text as text."""

import types

from utils.course.chat_box import ChatBox, as_html


class Client:
    """Stands for ollama.Client: writes these pieces (thinking, content), or fails."""

    def __init__(self, pieces, error=None):
        self.pieces, self.error, self.asked, self.closed = pieces, error, [], False

    def chat(self, model, messages, stream, options):
        self.asked.append((model, messages, options))
        if self.error:
            raise self.error

        def parts():
            try:
                for thinking, content in self.pieces:
                    yield types.SimpleNamespace(message=types.SimpleNamespace(thinking=thinking, content=content))
            finally:
                self.closed = True

        return parts()


def test_an_answer_grows_and_the_conversation_is_kept():
    client, seen = Client([("1+1", ""), ("=2", ""), (None, "2")]), []
    box = ChatBox(client, "mini", {"temperature": 0})
    box.ask("1+1=", lambda: seen.append(dict(box.turns[-1])))
    assert [turn["thinking"] for turn in seen] == ["1+1", "1+1=2", "1+1=2", "1+1=2"]
    assert box.turns[-1] == {"role": "assistant", "content": "2", "thinking": "1+1=2"}
    box.ask("and 2+2=")
    model, messages, options = client.asked[-1]
    assert (model, options) == ("mini", {"temperature": 0})
    assert [turn["content"] for turn in messages] == ["1+1=", "2", "and 2+2="]  # thoughts are not sent back
    assert all(set(turn) == {"role", "content"} for turn in messages)


def test_it_can_be_stopped():
    client = Client([("", "word ")] * 100)
    box = ChatBox(client, "mini")
    box.ask("go on", lambda: box.turns[-1]["content"].count("word") == 3 and box.stopped.set())
    assert box.turns[-1]["content"] == "word word word  [stopped]" and client.closed
    assert box.ask("again")["content"].count("word") == 100  # the next one is not stopped


def test_an_error_is_shown_and_the_box_stays():
    box = ChatBox(Client([], ValueError("no such model")), "mini")
    assert box.ask("Hi")["content"] == "[ValueError: no such model]"


def test_what_a_model_writes_is_no_markup():
    shown = as_html([{"role": "assistant", "content": "<script>x</script>", "thinking": "a < b"}])
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    assert "<details>" in shown and "a &lt; b" in shown
    assert "<details>" not in as_html([{"role": "user", "content": "Hi"}])


def test_without_a_person_the_conversation_is_shown(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    monkeypatch.setattr(IPython.display, "display", lambda what: shown.append(what.data))
    box = ChatBox(Client([("", "Hello")]), "mini")
    box.ask("Hi")
    box.show()
    assert shown == [as_html(box.turns)]

"""The page that shows the tables of topics and services: `python -m car.topics_page > docs/topics.md`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from car.topics import SERVICES, TF, TOPICS, Durability, Service, Topic

HEAD = """# Topics and services

Made from `car/topics.py`, which every node reads; `python -m car.topics_page > docs/topics.md` makes it anew.

Quality of service, and whom it suits: a *reliable* publisher here serves reliable and best-effort
subscribers, a *best effort* one serves best-effort subscribers only; our subscribers to best-effort rows also
hear reliable publishers, those to reliable rows hear reliable publishers only. *Latched* rows (transient
local) are given to those who come late, and our subscribers to them hear latched publishers only. Every row
keeps its last so many messages: whatever leads to the wheels keeps one, so that nothing queues. The log keeps
a hundred of each, as nothing waits for it. That every row pairs as it says is tested over loopback, with
peers of each kind in another process.
"""


def page() -> str:
    """Return the page as Markdown."""
    topics = [*TOPICS.values(), TF]
    return "\n".join(
        [
            HEAD,
            "## Topics\n",
            _table(("topic", "type", "quality", "from", "to", "what"), map(_topic_row, topics)),
            "## Services\n",
            _table(("service", "type", "by", "what"), map(_service_row, SERVICES.values())),
        ]
    )


def _topic_row(topic: Topic) -> Sequence[str]:
    latched = ", latched" if topic.durability is Durability.TRANSIENT_LOCAL else ""
    quality = f"{topic.reliability.value.replace('_', ' ')}, {topic.depth}{latched}"
    kind = f"`{topic.type_name}`"
    return f"`{topic.name}`", kind, quality, topic.publisher, topic.subscribers, topic.meaning


def _service_row(service: Service) -> Sequence[str]:
    return f"`{service.name}`", f"`{service.type_name}`", service.server, service.meaning


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")

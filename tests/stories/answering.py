"""A gateway that answers some questions otherwise."""

from dataclasses import replace


class Answers:
    """The gateway, but for what it answers to some questions."""

    def __init__(self, gateway, **answers):
        self._gateway = gateway
        self._answers = answers

    def __getattr__(self, name):
        answer = self._answers.get(name)
        if answer is None:
            return getattr(self._gateway, name)
        return lambda asked, **_when: [answer for _ in asked]


def answering(world, **answers):
    whole = world.engine
    world.engine = replace(whole, gateway=Answers(whole.gateway, **answers))
    return whole

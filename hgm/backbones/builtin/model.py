"""From a request to a reply: which role is asked for, what the messages show, what to do next."""

import re
from random import Random

from hgm.backbones.builtin import conversation, diagnosis, editor, gui_solver, gui_talk, habits, solver, toolbox
from hgm.backbones.builtin.wire import Reply, Request

_OWN_CODE = re.compile(
    r"\b(?:your own (?:source )?(?:code|repository)|improve (?:yourself|itself|(?:this|the)(?: coding)? agent)|"
    r"agent's (?:own )?(?:code|source|repository)|its own repository|self-(?:modification|improvement))\b",
    re.IGNORECASE,
)


def answer(request: Request) -> Reply:
    """The reply; its draw is a function of the request's seed alone."""
    if diagnosis.wanted(request):
        return Reply(diagnosis.write(request))
    rng = Random(f"builtin/{request.seed}")
    if gui_talk.wanted(request):
        return gui_solver.act(request, rng)
    box = toolbox.recognise(request)
    told = conversation.instructions(request.messages)
    if not box.usable:
        return Reply("I can do nothing here without tools.")
    rules, lines = habits.read_rules(told)
    known = conversation.read(request)
    turn = solver.Turn(request, known, box, habits.heeded(rules, lines, rng), rng, told=lines > 0)
    if _OWN_CODE.search(told + conversation.statement(request.messages)):
        return editor.act(turn)
    return solver.act(turn)

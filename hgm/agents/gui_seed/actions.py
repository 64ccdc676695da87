"""What the model can do on a page. The host does it; its names are BrowserGym's."""

import json


def do(call, host):
    """Do one tool call; what there is to see after it. The host says what is wrong with a bad one."""
    try:
        action = dict(json.loads(call["function"]["arguments"]))
    except (TypeError, ValueError):
        action = {}
    action["name"] = call["function"]["name"]
    return host.step(action)


def schema(name, description, **parameters):
    """A function for the model; a parameter is its kind and what it means."""
    properties = {}
    for key, (kind, text) in parameters.items():
        properties[key] = {"type": kind, "description": text}
        if kind == "array":
            properties[key]["items"] = {"type": "string"}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


BID = ("string", "The ref of the element, such as e4.")
X = ("number", "Pixels from the left.")
Y = ("number", "Pixels from the top.")

SCHEMAS = [
    schema("click", "Click an element.", bid=BID),
    schema("dblclick", "Click an element twice.", bid=BID),
    schema("hover", "Move the mouse over an element.", bid=BID),
    schema("fill", "Put a text into a field, in the place of what is there.", bid=BID, value=("string", "The text.")),
    schema("press", "Press keys in an element.", bid=BID, key_comb=("string", "Such as Enter or Control+a.")),
    schema("select_option", "Choose in a list or a combobox.", bid=BID, options=("array", "The options' names.")),
    schema("drag_and_drop", "Drag one element onto another.", from_bid=BID, to_bid=BID),
    schema("scroll", "Scroll the page.", delta_x=X, delta_y=Y),
    schema("mouse_click", "Click at a place.", x=X, y=Y),
    schema("mouse_drag_and_drop", "Drag from one place to another.", from_x=X, from_y=Y, to_x=X, to_y=Y),
    schema("keyboard_press", "Press a key.", key=("string", "Such as Enter or ArrowRight.")),
    schema("keyboard_type", "Type a text where the cursor is.", text=("string", "The text.")),
    schema("noop", "Wait.", wait_ms=("number", "Milliseconds, at most 1000.")),
]

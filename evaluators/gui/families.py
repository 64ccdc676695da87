"""Which pages of MiniWoB++ ask for the same skill: a family is wholly in one split, so sealed tasks are new in kind.

The split is drawn by the family's name alone (`evaluators.splits`); nobody chose it.
"""

from types import MappingProxyType

from evaluators.base import Split
from evaluators.splits import split_of

BENCHMARK = "miniwob"

FAMILIES = MappingProxyType(
    {
        "arithmetic": ("simple-algebra", "simple-arithmetic", "visual-addition"),
        "autocomplete": ("use-autocomplete", "use-autocomplete-nodelay"),
        "booking": ("book-flight", "book-flight-nodelay", "buy-ticket"),
        "button": ("click-button", "click-test", "click-test-2", "click-test-transfer", "unicode-test"),
        "button-order": ("button-delay", "click-button-sequence", "ascending-numbers", "simon-says"),
        "calendar": ("daily-calendar",),
        "checkboxes": (
            "click-checkboxes",
            "click-checkboxes-large",
            "click-checkboxes-soft",
            "click-checkboxes-transfer",
            "number-checkboxes",
        ),
        "choose-list": ("choose-list", "click-option", "click-scroll-list"),
        "collapsible": (
            "click-collapsible",
            "click-collapsible-2",
            "click-collapsible-2-nodelay",
            "click-collapsible-nodelay",
        ),
        "color": ("click-color", "click-shades", "use-colorwheel", "use-colorwheel-2"),
        "copy-paste": ("copy-paste", "copy-paste-2"),
        "count": ("count-shape", "count-sides"),
        "date": ("choose-date", "choose-date-easy", "choose-date-medium", "choose-date-nodelay", "enter-date"),
        "dialog": ("click-dialog", "click-dialog-2"),
        "drag": ("drag-box", "drag-circle", "drag-cube", "drag-shapes", "drag-shapes-2", "drag-single-shape"),
        "draw": ("draw-circle", "draw-line", "highlight-text", "highlight-text-2"),
        "email": (
            "email-inbox",
            "email-inbox-delete",
            "email-inbox-forward",
            "email-inbox-forward-nl",
            "email-inbox-forward-nl-turk",
            "email-inbox-important",
            "email-inbox-nl-turk",
            "email-inbox-noscroll",
            "email-inbox-reply",
            "email-inbox-star-reply",
        ),
        "enter-text": ("enter-password", "enter-text", "enter-text-2", "enter-text-dynamic", "text-transform"),
        "enter-time": ("enter-time",),
        "find-greatest": ("find-greatest", "odd-or-even"),
        "find-word": ("find-word",),
        "focus": ("focus-text", "focus-text-2"),
        "form": ("form-sequence", "form-sequence-2", "form-sequence-3", "multi-layouts", "multi-orderings"),
        "geometry": ("bisect-angle", "circle-center", "find-midpoint", "right-angle"),
        "grid": ("grid-coordinate",),
        "guess": ("generate-number", "guess-number", "hot-cold"),
        "hover": ("chase-circle", "hover-shape", "moving-items"),
        "link": ("click-link",),
        "login": ("login-user", "login-user-popup"),
        "menu": ("click-menu", "click-menu-2"),
        "order": ("order-food", "stock-market"),
        "phone-book": ("phone-book",),
        "pie": ("click-pie", "click-pie-nodelay"),
        "scroll-text": ("scroll-text", "scroll-text-2", "resize-textarea"),
        "search-engine": ("search-engine",),
        "shape": ("click-shape", "identify-shape"),
        "sign": ("sign-agreement",),
        "slider": ("use-slider", "use-slider-2"),
        "social": ("social-media", "social-media-all", "social-media-some"),
        "sort": ("drag-items", "drag-items-grid", "drag-sort-numbers"),
        "spinner": ("use-spinner",),
        "tab": ("click-tab", "click-tab-2", "click-tab-2-easy", "click-tab-2-hard", "click-tab-2-medium"),
        "table": ("read-table", "read-table-2"),
        "terminal": ("terminal",),
        "text-editor": ("text-editor",),
        "tic-tac-toe": ("tic-tac-toe",),
        "tree": ("navigate-tree",),
        "widget": ("click-widget",),
    }
)
"""Family -> its pages, as the package names them."""

FAMILY_OF = MappingProxyType({page: family for family, pages in FAMILIES.items() for page in pages})


def split_of_family(family: str) -> Split:
    """The split of all tasks of a family."""
    return split_of(BENCHMARK, family)

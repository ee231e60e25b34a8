"""All functions and operators of expressions, by the names that they are called by."""

from limbeck.flow.expressions import dates, lists, logic, numbers, texts
from limbeck.flow.expressions.model import Function
from limbeck.flow.expressions.operators import OPERATORS

FUNCTIONS: tuple[Function, ...] = (
    *texts.FUNCTIONS,
    *numbers.FUNCTIONS,
    *dates.FUNCTIONS,
    *logic.FUNCTIONS,
    *lists.FUNCTIONS,
)

BY_NAME: dict[str, Function] = {name: f for f in (*OPERATORS, *FUNCTIONS) for name in (f.name, *f.aliases)}
"""Functions and operators under each of their names."""

NOT_SERVED = dict.fromkeys(
    (
        *("sha512", "crc32", "set_date_part", "zone_date_to_zone", "fpid_to_ecid", "uuid"),
        *("upsert_array_append", "upsert_array_replace", "arrays_to_objects", "object_to_map", "array_to_map"),
        *("get_url_query_str", "aa_get_product_categories", "ua_browser_name", "ua_os_name", "ua_device_class"),
    ),
    "AEP has it, this version does not",
)
"""Functions of Data Prep that are refused by name."""

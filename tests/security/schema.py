"""Whether a value is what a JSON Schema says: the part of the language that our description uses, and no more.

A keyword that is not known here fails, so that nothing is taken for checked that is not.
"""

import re
from typing import Any

Json = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_TOLD = {"description", "examples", "default"}


def resolve(schema: Json, document: Json) -> Json:
    """The schema that a reference names, or this one."""
    while "$ref" in schema:
        at: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        schema = at
    return schema


def problems(value: Any, schema: Json, document: Json, at: str = "answer") -> list[str]:
    """What is wrong with a value; nothing if it is as described."""
    schema = resolve(schema, document)
    found: list[str] = []
    for keyword, said in schema.items():
        if keyword == "anyOf":
            tried = [problems(value, one, document, at) for one in said]
            if all(tried):
                found += next(faults for faults in tried if faults)
        elif keyword == "allOf":
            for one in said:
                found += problems(value, one, document, at)
        elif keyword == "type":
            if not isinstance(value, _TYPES[said]) or (said == "integer" and isinstance(value, bool)):
                return [f"{at} is no {said}: {value!r}"]
        elif keyword not in _TOLD and not _holds(keyword, said, value, schema):
            found.append(f"{at} breaks {keyword} {said!r}: {value!r}")
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                found += problems(value[name], inner, document, f"{at}.{name}")
    if isinstance(value, list) and "prefixItems" in schema:
        for place, (inner, said) in enumerate(zip(value, schema["prefixItems"], strict=False)):
            found += problems(inner, said, document, f"{at}[{place}]")
    if isinstance(value, list) and "items" in schema:
        for place, inner in enumerate(value):
            found += problems(inner, schema["items"], document, f"{at}[{place}]")
    return found


def _holds(keyword: str, said: Any, value: Any, schema: Json) -> bool:
    match keyword:
        case "enum":
            return value in said
        case "pattern":
            return re.fullmatch(said.removeprefix("^").removesuffix("$"), value, re.ASCII) is not None
        case "minimum":
            return bool(value >= said)
        case "maximum":
            return bool(value <= said)
        case "minLength":
            return bool(len(value) >= said)
        case "maxLength":
            return bool(len(value) <= said)
        case "minItems":
            return bool(len(value) >= said)
        case "maxItems":
            return bool(len(value) <= said)
        case "required":
            return all(name in value for name in said)
        case "additionalProperties":
            assert said is False
            return set(value) <= set(schema.get("properties", {}))
        case "properties" | "items" | "prefixItems":
            return True
    raise AssertionError(f"a keyword that is not known here: {keyword}")

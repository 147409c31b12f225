"""Write docs/reference/relying-parties.md: the settings of policies and relying parties, key by key.

    python scripts/relying_party_settings.py

The tables come from `proofing.settings.relying_parties`; the words around them are here.
"""

import json
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from proofing.settings.relying_parties import (
    BrandingSettings,
    ClientSettings,
    PolicySettings,
    RelyingPartySettings,
    WebhookSettings,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "relying-parties.md"
_HEAD = """\
# Settings of relying parties

<!-- Made by scripts/relying_party_settings.py; edit that. -->

A relying party is an organization that sends people and gets the verdict; a policy says what is asked of
them and what is released. Both are maps by name in settings.yaml, and follow the file while processes run.
Names have at most 40 lowercase letters and digits, with single `-` or `_` between. Keys and secrets are no
settings: `proofing relying-party` makes them. A verification keeps the terms that its policy had when it was
created. How to write one: [policies](../howto/policies.md). Why: [ADR 49](../adr/0049-policies-and-pages.md).

```yaml
policies:
  benefits:
    steps: [document, selfie, resolution, phone, code]
    assurance: ial2
    claims: [first_name, last_name, dob]
    branding:
      name: Department of Examples
      color: '#8b0a1a'
relying_parties:
  agency:
    display_name: The Agency
    policies: [benefits]
    return_urls: ['https://agency.example.gov/back']
```
"""
#: Heading, what the settings are, and their model.
_PARTS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    (
        "policies.NAME",
        "What is asked of a person. `proofing check` refuses what the vendors of the settings cannot answer.",
        PolicySettings,
    ),
    (
        "policies.NAME.branding",
        "How its pages look. Contacts replace those of the settings all together, as soon as one is set.",
        BrandingSettings,
    ),
    ("relying_parties.NAME", "Who sends people.", RelyingPartySettings),
    ("relying_parties.NAME.webhooks.NAME", "Where events are sent.", WebhookSettings),
    ("relying_parties.NAME.oidc", "A client of OpenID Connect.", ClientSettings),
)


def main() -> int:
    """Write the page."""
    PAGE.write_text(render())
    return 0


def render() -> str:
    """Return the page."""
    parts = (
        f"\n## {heading}\n\n{text}\n\n| Key | Default | Meaning |\n|---|---|---|\n" + "".join(_rows(model))
        for heading, text, model in _PARTS
    )
    return _HEAD + "".join(parts)


def _rows(model: type[BaseModel]) -> Iterator[str]:
    """Yield the rows of one model; settings of its own have a table below."""
    for name, field in model.model_fields.items():
        yield f"| `{name}` | {_default(field)} | {field.description} |\n"


def _default(field: FieldInfo) -> str:
    """Return the default as settings.yaml would have it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return f"`{json.dumps(_plain(value))}`"


def _plain(value: Any) -> Any:
    """Return *value* in the types of JSON."""
    if isinstance(value, BaseModel):
        return {}
    if isinstance(value, Enum):
        return value.value
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


if __name__ == "__main__":
    sys.exit(main())

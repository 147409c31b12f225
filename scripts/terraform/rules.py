"""Rules of our own over Terraform files: nothing public, everything encrypted, every wildcard with a reason.

The files are read as HCL's structure of blocks and attributes; expressions stay text. A wildcard in an action
or a resource needs a comment ``# wildcard: reason`` on its line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
_RUNBOOK = "docs/runbook"
_PIECE = re.compile(
    r'"(?:\\.|\$\{[^}]*\}|[^"\\])*"|<<-?(\w+)\n.*?\n\s*\1\b'
    r"|#[^\n]*|//[^\n]*|/\*.*?\*/|[\w.-]+|\s+|.",
    re.DOTALL,
)
_GRANTED = re.compile(r'"?\b((?:not_?)?(?:action|resource))s?"?\s*=(?!=)', re.IGNORECASE)

#: Attributes of resources, and the only value that they may have.
_FIXED = {
    "aws_db_instance": {"storage_encrypted": "true", "publicly_accessible": "false"},
    "aws_ebs_volume": {"encrypted": "true"},
    "aws_efs_file_system": {"encrypted": "true"},
    "aws_elasticache_replication_group": {
        "at_rest_encryption_enabled": "true",
        "transit_encryption_enabled": "true",
    },
    "aws_kms_key": {"enable_key_rotation": "true"},
    "aws_s3_bucket_public_access_block": {
        "block_public_acls": "true",
        "block_public_policy": "true",
        "ignore_public_acls": "true",
        "restrict_public_buckets": "true",
    },
}
#: Attributes without which a resource is not encrypted, or not with our key.
_REQUIRED = {
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "aws_db_instance": ("kms_key_id",),
    "aws_elasticache_replication_group": ("auth_token", "kms_key_id"),
    "aws_sns_topic": ("kms_master_key_id",),
    "aws_sqs_queue": ("kms_master_key_id",),
}
_BUCKET_PARTS = (
    "lifecycle_configuration",
    "policy",
    "public_access_block",
    "server_side_encryption_configuration",
)
_SOURCES = ("cidr_blocks", "cidr_ipv4", "cidr_ipv6", "ipv6_cidr_blocks")


@dataclass(slots=True)
class Block:
    """One block: ``resource "aws_vpc" "main" { … }``; *attributes* are name to text of the expression."""

    kind: str
    labels: list[str]
    attributes: dict[str, str] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)

    @property
    def address(self) -> str:
        """How findings name it."""
        return ".".join(self.labels or [self.kind])

    def value(self, name: str) -> str:
        """Return the expression of the attribute *name* without a comment behind it; empty when not set."""
        return re.sub(r"\s*(#|//)[^\n]*$", "", self.attributes.get(name, ""))

    def find(self, *kinds: str) -> Iterator["Block"]:
        """Yield the nested blocks along *kinds*, also those that ``dynamic`` makes."""
        made = [one for block in self.blocks if block.labels == [kinds[0]] for one in block.blocks]
        for block in [*self.blocks, *made]:
            if block.kind == kinds[0] or block in made:
                yield from block.find(*kinds[1:]) if kinds[1:] else [block]


def parse(text: str) -> Block:
    """Return the file's blocks inside one without a name.

    Raises:
        ValueError: the braces do not match.
    """
    pieces = [found[0] for found in _PIECE.finditer(text)]
    root = Block("", [])
    stack, words, index = [root], list[str](), 0
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if piece.isspace() or piece.startswith(("#", "//", "/*")):
            continue
        if piece == "=":
            expression, index = _expression(pieces, index)
            stack[-1].attributes[words.pop()] = expression
            words = []
        elif piece == "{":
            block = Block(words[0], [word.strip('"') for word in words[1:]])
            stack[-1].blocks.append(block)
            stack.append(block)
            words = []
        elif piece == "}":
            stack.pop()
        else:
            words.append(piece)
    if len(stack) != 1:
        raise ValueError("braces do not match")
    return root


def _expression(pieces: Sequence[str], index: int) -> tuple[str, int]:
    """Return the text up to the end of the line that is outside of every bracket, and the index of that."""
    depth, text = 0, ""
    while index < len(pieces):
        piece = pieces[index]
        depth += (piece in {"(", "[", "{"}) - (piece in {")", "]", "}"})
        if depth < 0 or (depth == 0 and piece.isspace() and "\n" in piece):
            break
        text += piece
        index += 1
    return text.strip(), index


def check_folder(folder: Path) -> list[str]:
    """Return every finding in the files of *folder*, one sentence each."""
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.tf"))}
    blocks = [block for text in texts.values() for block in parse(text).blocks]
    resources = [block for block in blocks if block.kind == "resource"]
    tables = [
        table for block in blocks for name, table in block.attributes.items() if name.endswith("alarms")
    ]
    rows = [name for table in tables for name in re.findall(r"^ +([\w-]+) += \{", table, re.MULTILINE)]
    pages = {path.stem for path in (_ROOT / _RUNBOOK).glob("*.md")}
    findings = [f"{name}: {problem}" for name, text in texts.items() for problem in _wildcards(text)]
    for block in resources:
        problems = [*_encryption(block), *_bucket(block, resources), *_open_to_all(block)]
        problems += [*_successor(block), *_alarm(block, rows, pages)]
        findings += [f"{block.address}: {one}" for one in problems]
    return findings


def _wildcards(text: str) -> Iterator[str]:
    """Yield the wildcards in actions and resources that have no reason on their line."""
    for granted in _GRANTED.finditer(text):
        is_action = granted[1].lower().endswith("action")
        depth = 0
        for piece in _PIECE.finditer(text, granted.end()):
            depth += (piece[0] in {"(", "[", "{"}) - (piece[0] in {")", "]", "}"})
            if depth < 0 or (depth == 0 and (piece[0] == "," or (piece[0].isspace() and "\n" in piece[0]))):
                break
            value = piece[0].strip('"')
            if not piece[0].startswith('"') or not (value == "*" or (is_action and "*" in value)):
                continue
            line = text[piece.end() :].partition("\n")[0]
            if not re.search(r"# wildcard: \w", line):
                number = text.count("\n", 0, piece.start()) + 1
                yield f'line {number}: "{value}" has no reason; name each, or add # wildcard: …'


def _encryption(block: Block) -> Iterator[str]:
    """Yield what leaves a resource readable for others."""
    kind = block.labels[0]
    for name, wanted in _FIXED.get(kind, {}).items():
        if block.value(name) != wanted:
            yield f"{name} is not {wanted}; set it"
    for name in _REQUIRED.get(kind, ()):
        if not block.value(name):
            yield f"{name} is not set; encryption needs it"
    if kind == "aws_launch_template":
        disks = list(block.find("block_device_mappings", "ebs"))
        if not disks or any(disk.value("encrypted") != "true" for disk in disks):
            yield "a disk is not encrypted; set encrypted = true"
        if [one.value("http_tokens") for one in block.find("metadata_options")] != ['"required"']:
            yield "instance metadata answers requests without a token; set http_tokens"
    # The balancer of the forward proxy is internal, and passes TLS on as it is.
    if kind == "aws_lb_listener" and block.value("protocol") != '"TCP"' and block.value("port") != "443":
        yield "the listener is not on port 443 with TLS"


def _bucket(block: Block, resources: Sequence[Block]) -> Iterator[str]:
    """Yield the resources that a bucket lacks."""
    if block.labels[0] == "aws_s3_bucket_acl":
        yield "buckets have no access lists; remove it"
    if block.labels[0] != "aws_s3_bucket":
        return
    own = re.compile(rf"\b{re.escape(block.address)}\b")
    held = {one.labels[0] for one in resources if own.search(one.value("bucket"))}
    for part in _BUCKET_PARTS:
        if f"aws_s3_bucket_{part}" not in held:
            yield f"the bucket has no aws_s3_bucket_{part}; add one"


def _open_to_all(block: Block) -> Iterator[str]:
    """Yield rules that let everybody in, but for TLS to the load balancer."""
    for one in [block, *block.find("ingress")]:
        is_ingress = "ingress" in f"{one.kind} {block.labels[0]}" or one.value("type") == '"ingress"'
        sources = " ".join(one.value(name) for name in _SOURCES)
        if not is_ingress or not re.search(r'"(0\.0\.0\.0|::)/0"', sources):
            continue
        is_balancer = 'main["load-balancer"]' in one.value("security_group_id")
        if not is_balancer or {one.value("from_port"), one.value("to_port")} != {"443"}:
            yield "everybody may connect; only port 443 of the load balancer is open"


def _successor(block: Block) -> Iterator[str]:
    """Yield what keeps the successor of a resource from being created while it still exists."""
    is_first = any(one.value("create_before_destroy") == "true" for one in block.find("lifecycle"))
    if is_first and block.value("name"):
        yield "the successor is created first and the name is taken; set name_prefix instead of name"


def _alarm(block: Block, rows: Sequence[str], pages: set[str]) -> Iterator[str]:
    """Yield what an alarm lacks: an action, and a page of the runbook."""
    if block.labels[0] not in {"aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm"}:
        return
    if block.value("alarm_actions") in {"", "[]"}:
        yield "the alarm has no action; add alarm_actions"
    link = re.search(r"\$\{var\.runbook_url\}/([^\"]+)\.md\"", block.attributes.get("alarm_description", ""))
    if link is None:
        yield "the alarm has no link to the runbook; add ${var.runbook_url}/….md to alarm_description"
        return
    targets = {link[1].replace("${each.key}", row) for row in rows} if "${" in link[1] else {link[1]}
    for target in sorted(targets - pages):
        yield f"{_RUNBOOK} has no page {target}.md; add it"

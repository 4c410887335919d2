"""The description of a bundle: Workflow Run RO-Crate 0.5, as JSON-LD.

https://w3id.org/ro/wfrun/workflow/0.5: the recipe is the workflow, nepforge the engine, the run a
CreateAction with the data files as objects and the artifacts as results.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.ledger.entry import Entry

METADATA = "ro-crate-metadata.json"
PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
CONTEXT = (
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
)
README = "README.md"
SOFTWARE = "urn:nepforge"
LANGUAGE = "#recipe-language"
RUN = "#run"
PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
WORKFLOW = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"

AUTHOR = "#author"
ORGANIZATION = "#organization"
SPDX = "https://spdx.org/licenses/"

Node = dict[str, Any]


@frozen
class Credit:
    """What no ledger knows: who made a bundle, and what others may do with it. "" if not given."""

    author: str = ""
    organization: str = ""  # publishes the bundle and employs the author
    license: str = ""  # of the data and results: an SPDX name (CC-BY-4.0) or an address


def crate(
    entry: Entry,
    recipe: str,
    data: Sequence[str],
    files: Mapping[str, tuple[str, int]],
    about: str,
    credit: Credit,
) -> Node:
    """The JSON-LD document of a bundle.

    Args:
        entry: The run.
        recipe: Path of the recipe in the bundle.
        data: Paths of the data files, empty when only their digests are given.
        files: Path in the bundle -> sha256 and size in bytes, of everything.
        about: One sentence about the run.
        credit: Author, organization and licence.
    """
    body = entry.body
    results = [path for path in files if path.startswith("artifacts/")]
    return {
        "@context": list(CONTEXT),
        "@graph": [
            _descriptor(),
            _root(entry, recipe, list(files), about, credit),
            _license(credit),
            *_people(credit),
            _workflow(entry, recipe),
            *_parameters(),
            *(
                {"@id": profile, "@type": "CreativeWork", **_profile(profile)}
                for profile in PROFILES
            ),
            _language(),
            _software(body["environment"]),
            _action(entry, recipe, data, results, credit),
            *(_file(path, *facts) for path, facts in files.items() if path != recipe),
        ],
    }


def _ids(paths: Sequence[str]) -> list[Node] | Node:
    """References; a single one stands for itself."""
    found = [{"@id": path} for path in paths]
    return found[0] if len(found) == 1 else found


def _descriptor() -> Node:
    return {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": _ids(
            ["https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"]
        ),
        "about": {"@id": "./"},
    }


def _root(entry: Entry, recipe: str, paths: list[str], about: str, credit: Credit) -> Node:
    node: Node = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"nepforge run {entry.body['name']} {entry.hash[:12]}",
        "description": about,
        "datePublished": entry.ts_utc,
        "license": {"@id": _license(credit)["@id"]},
        "identifier": f"sha256:{entry.hash}",
        "conformsTo": _ids(PROFILES),
        "hasPart": _ids(paths),
        "mainEntity": {"@id": recipe},
        "mentions": _ids([RUN, SOFTWARE]),
    }
    if credit.author:
        node["author"] = {"@id": AUTHOR}
    if credit.organization:
        node["publisher"] = {"@id": ORGANIZATION}
    return node


def _license(credit: Credit) -> Node:
    if not credit.license:
        about = {"name": "not stated", "description": "ask the owner of the data"}
        return {"@id": "#license", "@type": "CreativeWork", **about}
    address = credit.license if "://" in credit.license else f"{SPDX}{credit.license}"
    return {"@id": address, "@type": "CreativeWork", "name": credit.license}


def _people(credit: Credit) -> list[Node]:
    author: Node = {"@id": AUTHOR, "@type": "Person", "name": credit.author}
    organization: Node = {
        "@id": ORGANIZATION,
        "@type": "Organization",
        "name": credit.organization,
    }
    if credit.organization:
        author["affiliation"] = {"@id": ORGANIZATION}
    return [node for node in (author, organization) if node["name"]]


def _profile(address: str) -> Node:
    name, version = address.rsplit("/", 2)[1:]
    title = f"{name.replace('-', ' ').title()} profile"
    return {"@id": address, "@type": "CreativeWork", "name": title, "version": version}


def _workflow(entry: Entry, recipe: str) -> Node:
    return {
        "@id": recipe,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": entry.body["name"],
        "description": f"nepforge recipe, hash {entry.body['recipe']['hash']}",
        "identifier": f"sha256:{entry.body['recipe']['hash']}",
        "sha256": entry.body["recipe"]["sha256"],
        "encodingFormat": "application/toml",
        "conformsTo": {"@id": WORKFLOW},
        "programmingLanguage": {"@id": LANGUAGE},
        "version": entry.body["recipe"]["hash"][:12],
        "input": {"@id": "#data"},
        "output": {"@id": "#artifacts"},
    }


def _parameters() -> list[Node]:
    return [
        {
            "@id": f"#{name}",
            "@type": "FormalParameter",
            "name": name,
            "description": description,
            "additionalType": "File",
            "conformsTo": {"@id": PARAMETER},
            "valueRequired": name == "data",
        }
        for name, description in (
            ("data", "labelled structures that the recipe names"),
            ("artifacts", "what the stages of the recipe write"),
        )
    ]


def _language() -> Node:
    return {
        "@id": LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "nepforge recipe",
        "description": "TOML tables; every key is described in recipes/README.md of nepforge",
        "url": {"@id": "https://toml.io"},
    }


def _software(environment: Mapping[str, Any]) -> Node:
    source = environment["nepforge"]
    commit = f", commit {source['commit']}" if "commit" in source else ""
    return {
        "@id": SOFTWARE,
        "@type": "SoftwareApplication",
        "name": "nepforge",
        "softwareVersion": f"{source['version']}{commit}",
    }


def _action(
    entry: Entry, recipe: str, data: Sequence[str], results: Sequence[str], credit: Credit
) -> Node:
    return {
        "@id": RUN,
        "@type": "CreateAction",
        "name": f"run {entry.hash[:12]} of {entry.body['name']}",
        "description": f"entry {entry.seq} of a nepforge ledger; all digests are in it",
        "instrument": {"@id": recipe},
        "agent": {"@id": AUTHOR if credit.author else SOFTWARE},
        "endTime": f"{entry.ts_utc[:19]}+00:00",
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": _ids(data),
        "result": _ids(results),
    }


def _file(path: str, sha256: str, size: int) -> Node:
    kind = mimetypes.guess_type(Path(path).name)[0] or "application/octet-stream"
    node: Node = {
        "@id": path,
        "@type": "File",
        "name": path,
        "contentSize": str(size),
        "encodingFormat": kind,
        "sha256": sha256,
    }
    if path.startswith("data/"):
        node["exampleOfWork"] = {"@id": "#data"}
    elif path.startswith("artifacts/"):
        node["exampleOfWork"] = {"@id": "#artifacts"}
    elif path == README:
        node |= {"about": {"@id": "./"}, "encodingFormat": "text/markdown"}
    return node

"""Which attributes and circumstances a plugin reads by name."""

from dataclasses import fields, replace
from typing import Any

from proofing.contracts.applicant import Applicant
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.proofers import ProofingRequest
from proofing.testing.vendors.subject import Subject


def read_attributes(subject: Subject, question: ProofingRequest) -> frozenset[str]:
    """Return the names that the plugin's own code reads, of attributes and circumstances, in one question.

    ``applicant.reveal()`` reads all that is declared, which is ``*``.
    """
    example = subject.yes
    read: set[str] = set()
    if example is None:
        return frozenset()

    def note(name: str) -> None:
        watch = subject.trial.current_watch
        if watch is not None and watch.is_direct(2):
            read.add("*" if name == "reveal" else name)

    class NotedApplicant(Applicant):
        def __getattribute__(self, name: str) -> Any:
            note(name)
            return super().__getattribute__(name)

    class NotedCircumstances(Circumstances):
        def __getattribute__(self, name: str) -> Any:
            note(name)
            return super().__getattribute__(name)

    applicant, circumstances = question.applicant, question.circumstances
    asked = replace(
        question,
        applicant=NotedApplicant(**{one.name: getattr(applicant, one.name) for one in fields(Applicant)}),
        circumstances=NotedCircumstances(
            **{one.name: getattr(circumstances, one.name) for one in fields(Circumstances)}
        ),
    )
    subject.trial.do(lambda: subject.trial.put(example, asked))
    return frozenset(read)

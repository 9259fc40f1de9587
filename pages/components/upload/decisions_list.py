"""What was decided about a table, one line each with its alternative; and what a person has to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import streamlit as st

from hover_core.tables.decisions import READING, Decision, Reading
from pages.components.text import count_of, plain

MENUS = frozenset(("audio", "label", "subset", "group", "start", "end", "length", "own_id"))  # roles with a menu
_FEW = 4  # choices that stand beside a sentence; more of them are a menu


def chosen(digest: str) -> dict[str, str]:
    """What a person has chosen for this table so far, by what each decision is about."""
    answers: dict[str, str] = st.session_state.setdefault(f"upload.chosen.{digest}", {})
    return answers


def choose(digest: str, about: str, value: str) -> None:
    """Decide it so; what is read and understood of the table follows in the next run."""
    chosen(digest)[about] = value


def reading(digest: str) -> Reading:
    """How the file is to be read, as far as a person has said."""
    answers = chosen(digest)
    return Reading(**{field.name: answers[field.name] for field in fields(Reading) if field.name in answers})


def meanings(digest: str) -> dict[str, str]:
    """What a person has said about the meaning of columns and words."""
    return {about: value for about, value in chosen(digest).items() if about not in READING}


def decisions_list(decisions: Sequence[Decision], digest: str) -> bool:
    """Show the decisions, open questions first; whether every question has its answer."""
    questions = [decision for decision in decisions if not decision.sure]
    for decision in questions:
        with st.container(border=True):
            st.markdown(f":material/help: {plain(decision.sentence)}")
            _choices(decision, digest, "Say which")
    taken = [decision for decision in decisions if decision.sure and decision.sentence]
    if taken:
        with st.expander(f"{count_of(len(taken), 'decision')} taken for you", icon=":material/rule:", expanded=True):
            for decision in taken:
                with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
                    st.markdown(f":small[{plain(decision.sentence)}]", width="content")
                    _choices(decision, digest, "Or")
    return not questions


def _choices(decision: Decision, digest: str, words: str) -> None:
    """The alternatives of a decision: one click each, or a menu where there are many."""
    key = f"upload.decide.{decision.about}.{decision.value}.{digest}"
    # that a column means nothing is said in its menu
    choices = [
        choice for choice in decision.choices if choice.value or decision.about not in MENUS or not decision.sure
    ]
    named = {choice.value: plain(choice.words) for choice in choices}
    if not named:
        return
    if len(named) <= _FEW:
        with st.container(horizontal=True, gap="xsmall", width="content" if decision.sure else "stretch"):
            for value, text in named.items():
                st.button(
                    f":small[{text}]" if decision.sure else text,
                    key=f"{key}.{value}",
                    type="tertiary" if decision.sure else "secondary",
                    icon=":material/swap_horiz:" if decision.sure else None,
                    on_click=choose,
                    args=(digest, decision.about, value),
                )
        return
    st.selectbox(
        words,
        list(named),
        format_func=named.__getitem__,
        index=None,
        placeholder=f"{words} …",
        key=key,
        label_visibility="collapsed",
        on_change=_choose_from_menu,
        args=(digest, decision.about, key),
    )


def _choose_from_menu(digest: str, about: str, key: str) -> None:
    value = st.session_state.get(key)
    if value is not None:
        choose(digest, about, str(value))

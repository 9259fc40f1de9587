"""Invites, and the devices that came in by them."""

import threading

import numpy as np
import pytest
from sqlalchemy import text

from hover_core.data.people import ANNOTATOR, LOCAL_OWNER, OWNER, Person, new_token
from hover_core.errors import NotAllowed, NotFound, Refused
from hover_core.store import members
from hover_core.store.annotation_log import Journal
from hover_core.store.transaction import Entry


def test_who_comes_by_an_invite_is_an_annotator_of_its_dataset(shared_store, ten):
    cookie = members.join(shared_store, members.add_invite(shared_store, ten, "Ann", days=1))

    assert members.person_behind(shared_store, cookie) == Person("Ann", ANNOTATOR, ten)


def test_an_invite_without_a_name_asks_for_one(shared_store, ten):
    token = members.add_invite(shared_store, ten, " ", days=None)
    cookie = members.join(shared_store, token, "  Ben   B. ")

    assert members.person_behind(shared_store, cookie).name == "Ben B."


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\x00b", "Owner"])
def test_a_name_that_nobody_could_tell_apart_is_refused(shared_store, ten, name):
    token = members.add_invite(shared_store, ten, "", days=None)

    with pytest.raises(Refused):
        members.join(shared_store, token, name)


@pytest.mark.parametrize("name", [
    "own\u200ber", "\u043ewner", "\u202eowner", "ow\u00adner", "\uff4f\uff57\uff4e\uff45\uff52", "0wner", "owner.",
])  # fmt: skip
def test_nobody_is_taken_for_the_owner(shared_store, ten, name):
    token = members.add_invite(shared_store, ten, "", days=None)

    with pytest.raises(Refused, match="the owner: take your own"):
        members.join(shared_store, token, name)
    with pytest.raises(Refused, match="the owner: take your own"):
        members.add_invite(shared_store, ten, name, days=None)


@pytest.mark.parametrize("name", ["Mira\u200b", "\u200eMira", "M\u0456ra", "mira", "Mi ra", "\uff2dira"])
def test_nobody_is_taken_for_somebody_who_is_here(shared_store, ten, name):
    members.add_invite(shared_store, ten, "Mira", days=None)
    token = members.add_invite(shared_store, ten, "", days=None)

    with pytest.raises(Refused, match="add something that tells you apart"):
        members.join(shared_store, token, name)


def test_a_name_in_another_script_is_another_name(shared_store, ten):
    members.add_invite(shared_store, ten, "Mira", days=None)
    token = members.add_invite(shared_store, ten, "", days=None)
    cookie = members.join(shared_store, token, "\u041c\u0438\u0440\u0430")

    assert members.person_behind(shared_store, cookie).name == "\u041c\u0438\u0440\u0430"


def test_a_name_is_kept_without_what_does_not_show(shared_store, ten):
    token = members.add_invite(shared_store, ten, "", days=None)
    cookie = members.join(shared_store, token, "\u202eJose\u0301\u200b\u3000B.")

    assert members.person_behind(shared_store, cookie).name == "Jos\u00e9 B."


def test_a_name_of_nothing_that_shows_is_none(shared_store, ten):
    token = members.add_invite(shared_store, ten, "\u200b", days=None)

    assert members.invite_behind(shared_store, token).name == ""
    with pytest.raises(Refused, match="1 to 60 characters"):
        members.join(shared_store, token, "\u200b\u2060")


def test_who_labelled_counts_as_here(shared_store, ten):
    journal = Journal(shared_store)
    journal.annotate(ten, [Entry(np.array([1]), "wren")], annotator="Zoe", how="heard", token=new_token())
    token = members.add_invite(shared_store, ten, "", days=None)

    with pytest.raises(Refused, match="tells you apart"):
        members.join(shared_store, token, "Z\u043ee")


def test_an_invite_for_somebody_who_is_here_says_so_by_the_very_name(shared_store, ten):
    for _ in range(2):  # on two devices, or because the first has expired
        members.add_invite(shared_store, ten, "Mira", days=1)

    assert [invite.name for invite in members.invites(shared_store, ten)] == ["Mira", "Mira"]
    with pytest.raises(Refused, match="looks like “Mira”, who is here already"):
        members.add_invite(shared_store, ten, "M\u0456ra", days=1)


def test_of_two_who_come_at_once_with_one_name_one_is_refused(shared_store, ten):
    token = members.add_invite(shared_store, ten, "", days=None)
    together, refused = threading.Barrier(8), []

    def come(name: str) -> None:
        together.wait()
        try:
            members.join(shared_store, token, name)
        except Refused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=come, args=(name,)) for name in ("Mira", "M\u0456ra") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 7
    assert members.people(shared_store, ten) == 1


def test_one_invite_lets_in_many_devices(shared_store, ten):
    token = members.add_invite(shared_store, ten, "Ann", days=1)
    cookies = {members.join(shared_store, token) for _ in range(3)}
    invite = members.invites(shared_store, ten)[0]

    assert (len(cookies), invite.devices, invite.name) == (3, 3, "Ann")
    assert invite.last_seen


def test_people_are_counted_by_their_names_not_their_devices(shared_store, ten):
    open_to_all = members.add_invite(shared_store, ten, "", days=1)
    for name in ("Ann", "Ben"):
        members.join(shared_store, open_to_all, name)
    mira = members.add_invite(shared_store, ten, "Mira", days=1)
    for _ in range(2):
        members.join(shared_store, mira)

    assert members.people(shared_store, ten) == 3


def test_revoking_an_invite_puts_everybody_out_at_once(shared_store, ten):
    token = members.add_invite(shared_store, ten, "Ann", days=1)
    cookie = members.join(shared_store, token)
    members.revoke_invite(shared_store, ten, members.invites(shared_store, ten)[0].id)

    assert members.person_behind(shared_store, cookie) is None
    with pytest.raises(NotFound, match="not valid"):
        members.join(shared_store, token)


def test_an_invite_of_another_dataset_cannot_be_revoked(shared_store, ten):
    token = members.add_invite(shared_store, ten, "Ann", days=1)
    members.revoke_invite(shared_store, "another", members.invites(shared_store, ten)[0].id)

    assert members.invite_behind(shared_store, token).name == "Ann"


def test_an_expired_invite_lets_nobody_in_and_nobody_stay(shared_store, ten):
    token = members.add_invite(shared_store, ten, "Ann", days=1)
    cookie = members.join(shared_store, token)
    with shared_store.write() as connection:
        connection.execute(text("UPDATE invites SET expires_at = '2020' WHERE dataset_id = :d"), {"d": ten})

    assert members.person_behind(shared_store, cookie) is None
    assert members.has_ended(shared_store, cookie)
    with pytest.raises(NotFound, match="not valid"):
        members.invite_behind(shared_store, token)


def test_a_device_whose_invite_has_ended_is_told_from_one_that_nobody_knows(shared_store, ten):
    cookie = members.join(shared_store, members.add_invite(shared_store, ten, "Ann", days=None))
    owner = members.sign_in_owner(shared_store)
    assert not members.has_ended(shared_store, cookie)

    members.revoke_invite(shared_store, ten, members.invites(shared_store, ten)[0].id)

    assert members.has_ended(shared_store, cookie)
    assert not members.has_ended(shared_store, owner)
    assert not members.has_ended(shared_store, "guess")
    members.leave(shared_store, cookie)
    assert not members.has_ended(shared_store, cookie)


def test_an_unknown_token_and_an_unknown_cookie_open_nothing(shared_store):
    assert members.person_behind(shared_store, "guess") is None
    with pytest.raises(NotFound):
        members.invite_behind(shared_store, "guess")


def test_no_secret_is_in_the_database(shared_store, ten):
    token = members.add_invite(shared_store, ten, "Ann", days=1)
    cookie = members.join(shared_store, token)
    with shared_store.read() as connection:
        kept = [*connection.execute(text("SELECT * FROM invites")), *connection.execute(text("SELECT * FROM devices"))]

    assert [secret for secret in (token, cookie) if secret in str(kept)] == []


def test_the_owners_device_belongs_to_no_dataset(shared_store):
    cookie = members.sign_in_owner(shared_store)

    assert members.person_behind(shared_store, cookie) == Person("owner", OWNER, None)


@pytest.mark.parametrize(("person", "act", "dataset", "may"), [
    (LOCAL_OWNER, "own", "a", True),
    (LOCAL_OWNER, "label", "a", True),
    (Person("Ann", ANNOTATOR, "a"), "label", "a", True),
    (Person("Ann", ANNOTATOR, "a"), "label", "b", False),
    (Person("Ann", ANNOTATOR, "a"), "own", "a", False),
    (Person("Ann", ANNOTATOR, "a"), "own", None, False),
    (Person("Ann", ANNOTATOR, None), "label", None, False),
    (Person("Ann", "guest", "a"), "own", "a", False),
])  # fmt: skip
def test_who_may_do_what(person, act, dataset, may):
    assert person.may(act, dataset) is may


def test_who_may_not_is_told_why():
    with pytest.raises(NotAllowed, match="Ann: only the owner"):
        Person("Ann", ANNOTATOR, "a").allow("own", "a")


def test_a_device_that_has_left_is_nobody(shared_store, ten):
    cookie = members.join(shared_store, members.add_invite(shared_store, ten, "Mira", days=None))

    members.leave(shared_store, cookie)

    assert members.person_behind(shared_store, cookie) is None

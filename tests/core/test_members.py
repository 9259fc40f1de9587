"""Invites, and the devices that came in by them."""

import pytest
from sqlalchemy import text

from hover_core import members
from hover_core.errors import NotAllowed, NotFound, Refused
from hover_core.invites import ANNOTATOR, LOCAL_OWNER, OWNER, Person


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

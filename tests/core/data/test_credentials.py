"""User names and passwords inside addresses: known in any spelling, and never repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.data.credentials import has_credentials, holds_credentials, mask_credentials, without_credentials

WITH = {
    "https://me:s3cret@host/a.wav": "https://host/a.wav",
    " HTTPS://s3cret@host/a.wav": " HTTPS://host/a.wav",
    "https://:s3cret@host:8443/a.wav?x=1": "https://host:8443/a.wav?x=1",
    "https://me:p@s3cret@host/": "https://host/",
    "https://me:pa/s3cret@host/": "https://host/",
    "https://me:pa?s3cret@host/": "https://host/",
    "https://me%40example.org:s3cret@host/": "https://host/",
    "https://me:s3cret%40host/": "https://host/",
    "https://me:s3cret＠host/": "https://host/",
    "https://me:s3cr\tet@host/": "https://host/",
    "https://me:s3cret\\@host/": "https://host/",
    "https:\\\\me:s3cret@host\\a.wav": "https:\\\\host\\a.wav",
    "https:/\\me:s3cret@host/": "https:/\\host/",
    "https:///me:s3cret@host/": "https:///host/",
    "https:/me:s3cret@host/": "https:/host/",
    "https:me:s3cret@host/": "https:host/",
    "//s3cret@host/a.wav": "//host/a.wav",
    "s3://key:s3cret@bucket/a.wav": "s3://bucket/a.wav",
    "https://@host/": "https://host/",
}
WITHOUT = [
    "https://host/a@b.wav", "https://host:8000/a@b.wav", "https://host:/a@b.wav", "https://[::1]:80/a@b.wav",
    "https://host?to=a@b", "https://host#a@b", "https://host/%40b.wav", "https://host/?u=https://me:s3cret@other/",
    "hf://datasets/us/birds@main/a.wav", "local:a@b.wav", "demo:a@b.ogg", "a@b/c.wav", "birds//a.wav", "",
]  # fmt: skip


@pytest.mark.parametrize("address", WITH)
def test_a_user_name_or_password_is_known_in_any_spelling_and_can_be_taken_out(address):
    assert has_credentials(address)
    assert without_credentials(address) == WITH[address]
    assert "s3c" not in mask_credentials(address)


@pytest.mark.parametrize("address", WITHOUT)
def test_an_at_sign_elsewhere_is_no_user_name(address):
    assert not has_credentials(address)
    assert without_credentials(address) == address


def test_a_text_is_searched_for_addresses_with_a_password():
    line = '{"url": "https://me:s3cret@host/a.wav", "mail": "me@host"}'

    assert holds_credentials(line)
    assert mask_credentials(line) == '{"url": "https://…@host/a.wav", "mail": "me@host"}'
    assert not holds_credentials('{"mail": "me@host"}')


@given(st.text(max_size=60))
def test_a_message_that_is_masked_twice_is_the_same(text):
    assert mask_credentials(mask_credentials(text)) == mask_credentials(text)


@given(st.text(alphabet="abcXYZ019-._~!$&'()*+,;=:%", min_size=1, max_size=30), st.sampled_from(["https", "s3", "ftp"]))
def test_no_password_of_allowed_characters_stays_in_a_message(password, scheme):
    masked = mask_credentials(f"{scheme}://me:{password}@host/a.wav")

    assert masked == f"{scheme}://…@host/a.wav"

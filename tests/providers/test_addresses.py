import pytest

from lumi_box.errors import Refused
from lumi_box.providers.addresses import check_addresses, check_port, is_allowed, is_public, parse

CLOSED = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe
    64:ff9b:1::8.8.8.8 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 2002:7f00:1::1 2002:a00:1::
    2002:a9fe:a9fe:: 3fff::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 5f00::1
    2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1
"""
OPEN = """8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.32.0.1
    ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2606:4700::1111 2002:808:808::1
"""


@pytest.mark.parametrize("address", CLOSED.split())
def test_what_is_not_the_open_internet_is_closed(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN.split())
def test_the_open_internet_is_open(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://files.test/x",
        "gopher://files.test:70/x",
        "http:files.test",
        "http://",
        "http:///x",
        "http://maker@files.test/",
        "http://maker:password@files.test/",
        "https://files.test\\@127.0.0.1/",
        "https://files.test@127.0.0.1/",
        "https://files.test:80@127.0.0.1/",
        "http://files.test:0/",
        "http://files.test:65536/",
        "http://files.test:99999999999/",
        "http://files.test:http/",
        "http://files.test:8_0/",
        "http://files.te st/",
        "http://files.test\r\nHost: x/",
        "http://files.test/a b",
        "http://files.test/a\r\nX: 1",
        " http://files.test/",
        "http://files%2etest/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://" + "a" * 64 + ".test/",
        "http://a..b/",
    ],
)
def test_what_is_not_plain_http_to_a_host_is_refused(url):
    with pytest.raises(Refused) as caught:
        parse(url)
    assert caught.value.code == "forbidden_address"


@pytest.mark.parametrize(
    "target", ["/a%2fb/%7e/../c?sig=a%2Bb/%2F&x=&y=+", "/%E7%8B%90.png", "//x//", "/?", "/a;b=c?d?e"]
)
def test_path_and_query_stay_as_they_are(target):
    assert parse(f"https://files.test{target}").target == target


def test_the_rest_of_a_url_is_taken_apart():
    place = parse("HTTPS://Files.TEST:8443?a=b#part")
    assert (place.scheme, place.host, place.port, place.target) == ("https", "files.test", 8443, "/?a=b")
    assert parse("http://[2606:4700::1111]/").host == "2606:4700::1111"
    assert parse("http://狐狸.test/ü").host == "xn--e5x6c.test" and parse("http://狐狸.test/ü").target == "/%C3%BC"


def test_trap_16_the_allow_list_knows_whole_names_only():
    allowed = ["results.lan", "10.0.0.8:9000", "[fd00::8]:9000", "fd00::9"]
    for url in (
        "http://results.lan/",
        "http://RESULTS.lan/x",
        "http://10.0.0.8:9000/",
        "http://[fd00::8]:9000/",
        "http://[fd00::9]/",
    ):
        assert is_allowed(parse(url), allowed), url
    for url in (
        "http://evil-results.lan/",
        "http://results.lan.evil.test/",
        "http://lan/",
        "http://sults.lan/",
        "http://x.results.lan/",
        "http://evil.test/results.lan",
        "http://evil.test/?results.lan",
        "http://results.lan./",
        "http://10.0.0.8/",
        "http://10.0.0.8:90/",
        "http://10.0.0.80:9000/",
        "http://110.0.0.8:9000/",
        "http://[fd00::8]/",
    ):
        assert not is_allowed(parse(url), allowed), url


def test_other_ports_than_those_of_the_web_must_be_named():
    check_port(parse("http://files.test:443/"), [])
    check_port(parse("http://files.test:9000/"), ["files.test:9000"])
    for allowed in ([], ["files.test"], ["files.test:900"], ["files.test:90000"]):
        with pytest.raises(Refused):
            check_port(parse("http://files.test:9000/"), allowed)


def test_one_private_address_among_several_forbids_a_name():
    place = parse("https://files.test/")
    check_addresses(place, ["8.8.8.8", "2606:4700::1111"], [])
    check_addresses(place, ["8.8.8.8", "10.0.0.1"], ["files.test"])
    with pytest.raises(Refused) as caught:
        check_addresses(place, ["8.8.8.8", "10.0.0.1"], ["files.test:8443"])
    assert caught.value.code == "forbidden_address"

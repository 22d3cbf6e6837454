// Time, printable text, domains, addresses, chains and answers.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/certificate.h"
#include "checks/facts/domain.h"
#include "checks/facts/observation.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

using namespace stswatch;
using namespace std::string_literals;

TEST_CASE("time: UTC text and back") {
  for (const char* good : {"2026-12-01T00:00:00Z", "1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z",
                           "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"}) {
    CAPTURE(good);
    REQUIRE(parse_utc(good));
    CHECK(to_utc(*parse_utc(good)) == good);
  }
  CHECK(parse_utc("1970-01-02T00:00:01Z")->time_since_epoch() == Seconds(86401));
  for (const char* bad :
       {"", "2026-12-01", "2026-12-01T00:00:00", "2026-12-01t00:00:00z", "2026-12-01T00:00:00.0Z",
        "2026-12-01T00:00:00+00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-12-00T00:00:00Z",
        "2026-12-01T24:00:00Z", "2026-12-01T00:60:00Z", "2026-12-01T00:00:60Z", " 026-12-01T00:00:00Z",
        "-026-12-01T00:00:00Z", "2026-12-01T00:00:00ZZ"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_utc(bad));
  }
  CHECK(to_utc(TimePoint::max()) == "9999-12-31T23:59:59Z");
  CHECK(to_utc(TimePoint::min()) == "0000-01-01T00:00:00Z");
}

TEST_CASE("time: spans in words") {
  using namespace std::chrono_literals;
  CHECK(to_words(19 * 24h + 6h + 59min) == "19 d 6 h");
  CHECK(to_words(3h + 5min) == "3 h 5 min");
  CHECK(to_words(45s) == "45 s");
  CHECK(to_words(0s) == "0 s");
  CHECK(to_words(60s) == "1 min");
  CHECK(to_words(24h) == "1 d");
  CHECK(to_words(24h + 5min) == "1 d");
  CHECK(to_words(-61s) == "1 min 1 s");
  CHECK_FALSE(to_words(Seconds::min()).empty());
}

TEST_CASE("printable text is bounded") {
  CHECK(printable("a\r\n\0\x7F\xC3"s) == "a\\x0D\\x0A\\x00\\x7F\\xC3");
  CHECK(printable(std::string(200, 'a')) == std::string(200, 'a'));
  CHECK(printable(std::string(201, 'a')) == std::string(197, 'a') + "...");
  CHECK(printable("\1\2\3\4", 10) == "\\x01...");
  CHECK(printable("abc", 0).empty());
  CHECK(to_string(Stage::starttls) == "starttls");
  CHECK(to_string(Cause::tls_alert) == "tls_alert");
}

TEST_CASE("text of others stays on its line and steers no terminal") {
  CHECK(text::one_line("") == "");
  CHECK(text::one_line("Umzug läuft – 日本 \xF0\x9F\x90\xA2") == "Umzug läuft – 日本 \xF0\x9F\x90\xA2");
  CHECK(text::one_line("\x1B]0;x\x07\x1B[31mred\r\nforged\t\x7F") ==
        "\\x1B]0;x\\x07\\x1B[31mred\\x0D\\x0Aforged\\x09\\x7F");
  CHECK(text::one_line("c1 \xC2\x9B"
                       "31m, nbsp \xC2\xA0") == "c1 \\xC2\\x9B31m, nbsp \xC2\xA0");
  CHECK(text::one_line("\xE2\x80\xAE"
                       "turned\xE2\x81\xA6\xE2\x80\xA8") ==
        "\\xE2\\x80\\xAEturned\\xE2\\x81\\xA6\\xE2\\x80\\xA8");
  CHECK(text::one_line("broken \xC3( \xFF \xE2\x82") == "broken \\xC3( \\xFF \\xE2\\x82");
  CHECK(text::one_line(std::string_view("a\0b", 3)) == "a\\x00b");
}

TEST_CASE("domain: what people type") {
  const std::vector<std::pair<std::string, std::string>> good{
      {"example.com", "example.com"},
      {" Example.COM.\n", "example.com"},
      {"m\xC3\xBCnchen.example", "xn--mnchen-3ya.example"},
      {"M\xC3\x9CNCHEN.example", "xn--mnchen-3ya.example"},
      {"mu\xCC\x88nchen.example", "xn--mnchen-3ya.example"},  // NFC of u and a diaeresis
      {"fa\xC3\x9F.example", "xn--fa-hia.example"},           // non-transitional: sharp s stays
      {"example\xE3\x80\x82"
       "com",
       "example.com"},  // ideographic full stop
      {"co.uk", "co.uk"},
      {std::string(63, 'a') + ".com", std::string(63, 'a') + ".com"},
  };
  for (const auto& [typed, name] : good) {
    CAPTURE(typed);
    const auto d = Domain::parse(typed);
    REQUIRE_MESSAGE(d, d.error());
    CHECK(d->str() == name);
  }
  CHECK(Domain::parse("example.com")->sts_record_name() == "_mta-sts.example.com");
  CHECK(Domain::parse("example.com")->policy_host() == "mta-sts.example.com");
  CHECK(Domain::parse("example.com")->tlsrpt_name() == "_smtp._tls.example.com");
}

TEST_CASE("domain: what is none, and what the error says") {
  const std::string a60 = std::string(60, 'a') + ".";
  const std::vector<std::pair<std::string, std::string>> bad{
      {"", "empty"},
      {" \t", "empty"},
      {".", "root"},
      {"https://example.com/x", "URL"},
      {"example.com/x", "URL"},
      {"user@example.com", "mail address"},
      {"192.0.2.1", "IP address"},
      {"2001:db8::1", "IP address"},
      {"[2001:db8::1]", "IP address"},
      {"300.1.1.1", "ends in a number"},
      {"example", "one label: give the full name, as in \"mail.example\""},
      {"b\xC3\xBC"
       "cher.example:25",
       "b\xC3\xBC"
       "cher.example\""},
      {"_mta-sts.example.com", "underscore"},
      {"*.example.com", "wildcard"},
      {"example.com:25", "colon"},
      {"exa mple.com", "a space"},
      {"a..example.com", "empty label"},
      {".example.com", "empty label"},
      {"-a.example.com", "hyphen"},
      {std::string(64, 'a') + ".com", "63"},
      {a60 + a60 + a60 + a60 + "example.com", "253"},
      {std::string(300, 'a'), "63"},
      {std::string(5000, 'a'), "253"},
      {"a\0b.com"s, "illegal character"},
      {"\xFF.com", "cannot be written"},
      {"\xF0\x9F\x90\xA2.com", "cannot be written"},
  };
  for (const auto& [typed, says] : bad) {
    CAPTURE(typed.substr(0, 80));
    const auto d = Domain::parse(typed);
    REQUIRE_FALSE(d);
    CHECK_MESSAGE(d.error().find(says) != std::string::npos, d.error());
    CHECK_MESSAGE(d.error().find(": ") != std::string::npos, d.error());
  }
}

TEST_CASE("domain: globs of names are in the form that names have") {
  const struct {
    const char *typed, *glob;
  } rows[] = {
      {"*", "*"},
      {"*.Example.COM.", "*.example.com"},
      {" example.com\t", "example.com"},
      {"mail?.*.example.com", "mail?.*.example.com"},
      {"münchen.de", "xn--mnchen-3ya.de"},
      {"*.MÜNCHEN.de.", "*.xn--mnchen-3ya.de"},
      {"*.xn--mnchen-3ya.de", "*.xn--mnchen-3ya.de"},
      {"", ""},
      {".", "."},
  };
  for (const auto& row : rows) {
    CAPTURE(row.typed);
    CHECK(name_glob(row.typed) == row.glob);
  }
  CHECK_FALSE(name_glob("mün*.de").has_value());
  CHECK_FALSE(name_glob("\xFF.de").has_value());
}

TEST_CASE("domain: A-labels of any host, and the public suffix list") {
  CHECK(to_a_labels("MX_1.Example.") == "mx_1.example");
  CHECK(to_a_labels("localhost") == "localhost");
  CHECK_FALSE(to_a_labels(""));
  CHECK_FALSE(to_a_labels("."));
  CHECK_FALSE(to_a_labels("a..b"));
  CHECK_FALSE(to_a_labels("a b"));
  CHECK(registrable_domain("mx.a.example.co.uk") == "example.co.uk");
  CHECK_FALSE(registrable_domain("co.uk"));
  CHECK_FALSE(registrable_domain("192.0.2.1"));
  CHECK(is_public_suffix("com"));
  CHECK(is_public_suffix("github.io"));  // private section
  CHECK_FALSE(is_public_suffix("example.com"));
}

TEST_CASE("address: text and back") {
  for (const char* same : {"192.0.2.1", "2001:db8::1", "::", "::ffff:192.0.2.1", "2001:db8:0:1:1:1:1:1"}) {
    CHECK(Address::parse(same)->str() == same);
  }
  CHECK(Address::parse("2001:DB8:0:0::1")->str() == "2001:db8::1");
  for (const char* bad :
       {"", "1.2.3", "1.2.3.256", "01.2.3.4", "[::1]", "fe80::1%eth0", "1.2.3.4:25", "::g", " 1.2.3.4"}) {
    CAPTURE(bad);
    CHECK_FALSE(Address::parse(bad));
  }
  CHECK_FALSE(Address::parse("1.2.3.4\0"s));
  CHECK(*Address::parse("255.0.0.1") < *Address::parse("::1"));
}

TEST_CASE("address: which no sender could reach (RFC 6890)") {
  const std::vector<std::pair<const char*, const char*>> rows{{"127.0.0.1", "loopback"},
                                                              {"10.255.0.1", "private"},
                                                              {"172.16.0.1", "private"},
                                                              {"172.31.255.255", "private"},
                                                              {"192.168.1.1", "private"},
                                                              {"169.254.1.1", "link-local"},
                                                              {"169.254.169.254", "cloud metadata"},
                                                              {"100.64.0.1", "carrier-grade NAT"},
                                                              {"100.127.255.255", "carrier-grade NAT"},
                                                              {"0.0.0.0", "unspecified"},
                                                              {"0.1.2.3", "this network"},
                                                              {"224.0.0.1", "multicast"},
                                                              {"239.255.255.255", "multicast"},
                                                              {"240.0.0.1", "reserved"},
                                                              {"255.255.255.255", "broadcast"},
                                                              {"192.0.2.1", "documentation"},
                                                              {"198.51.100.7", "documentation"},
                                                              {"203.0.113.7", "documentation"},
                                                              {"198.19.0.1", "benchmarking"},
                                                              {"192.0.0.1", "reserved for protocols"},
                                                              {"::", "unspecified"},
                                                              {"::1", "loopback"},
                                                              {"fe80::1", "link-local"},
                                                              {"febf::1", "link-local"},
                                                              {"fc00::1", "private"},
                                                              {"fdff::1", "private"},
                                                              {"fd00:ec2::254", "cloud metadata"},
                                                              {"fd20:ce::254", "cloud metadata"},
                                                              {"ff02::1", "multicast"},
                                                              {"2001:db8::1", "documentation"},
                                                              {"3fff::1", "documentation"},
                                                              {"100::1", "discard only"},
                                                              {"::ffff:127.0.0.1", "loopback"},
                                                              {"::ffff:169.254.169.254", "cloud metadata"},
                                                              {"64:ff9b::10.0.0.1", "private"},
                                                              {"64:ff9b::a9fe:a9fe", "cloud metadata"},
                                                              {"64:ff9b:1::1", "private (local NAT64)"},
                                                              {"2002:7f00:1::1", "loopback"},
                                                              {"2002:c0a8:101::", "private"},
                                                              {"::192.168.1.1", "reserved"},
                                                              {"4000::1", "reserved"},
                                                              {"2001::1", "reserved (Teredo)"},
                                                              {"2001:2::1", "benchmarking"},
                                                              {"2001:10::1", "reserved for protocols"},
                                                              // public
                                                              {"8.8.8.8", ""},
                                                              {"100.63.255.255", ""},
                                                              {"100.128.0.1", ""},
                                                              {"172.15.255.255", ""},
                                                              {"172.32.0.1", ""},
                                                              {"11.0.0.1", ""},
                                                              {"198.20.0.1", ""},
                                                              {"192.0.0.9", ""},
                                                              {"192.0.1.1", ""},
                                                              {"::ffff:8.8.8.8", ""},
                                                              {"64:ff9b::8.8.8.8", ""},
                                                              {"2002:808:808::1", ""},
                                                              {"2a00:1450::1", ""},
                                                              {"2606:4700::1", ""},
                                                              {"2001:4860:4860::8888", ""},
                                                              {"2001:200::1", ""},
                                                              {"2001:20::1", ""}};
  for (const auto& [text, reason] : rows) {
    CAPTURE(text);
    CHECK(Address::parse(text)->not_public_reason() == reason);
  }
}

TEST_CASE("certificate: the chain ends with its first member to expire") {
  PeerCertificates peer;
  peer.leaf.not_after = TimePoint(Seconds(300));
  peer.chain = std::vector<Certificate>(2);
  peer.chain.change()[0].not_after = TimePoint(Seconds(200));
  peer.chain.change()[1].not_after = TimePoint(Seconds(100));
  CHECK(peer.chain_not_after() == TimePoint(Seconds(300)));  // nothing of the chain is needed
  peer.used = {0, 7};
  CHECK(peer.chain_not_after() == TimePoint(Seconds(200)));
  CHECK(&peer.first_to_expire() == peer.chain.data());
  CHECK(peer.trusted());
  CHECK(peer.verify_error().empty());
  peer.faults = {{ChainFault::Kind::expired, 0, "certificate has expired"}};
  CHECK(peer.has(ChainFault::Kind::expired));
  CHECK_FALSE(peer.has(ChainFault::Kind::revoked));
  CHECK(peer.verify_error() == "certificate has expired");
  CHECK_FALSE(peer.good());
}

TEST_CASE("answers: silence is not absence") {
  HostAddresses host;
  CHECK(host.lookup() == Lookup::unknown);
  host.a.lookup = Lookup::absent;
  CHECK(host.lookup() == Lookup::unknown);
  host.aaaa.lookup = Lookup::absent;
  CHECK(host.lookup() == Lookup::absent);
  host.aaaa = {};
  host.a.lookup = Lookup::found;
  host.a.records.assign(15, *Address::parse("192.0.2.1"));
  CHECK(host.lookup() == Lookup::found);
  CHECK_FALSE(host.too_many());
  host.aaaa.records.assign(5, *Address::parse("2001:db8::1"));
  host.aaaa.cname = {{"target.example", 60}};
  CHECK(host.too_many());
  REQUIRE(host.all().size() == 16);
  CHECK(host.all().back().is_v6());
  CHECK(host.cname().size() == 1);
  CHECK(TxtRecord{{"v=STS", "v1;"}}.joined() == "v=STSv1;");
}

TEST_CASE("the vectors of RFC 4648 §10") {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [octets, text] : rows) {
    CHECK(to_base64(octets) == text);
    CHECK(from_base64(text) == octets);
  }
}

TEST_CASE("every octet comes back") {
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  CHECK(from_base64(to_base64(all)) == all);
  CHECK(to_base64("\xff\xff\xfe") == "///+");
}

TEST_CASE("what no encoder writes is refused (RFC 4648 §3)") {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm-_", "=Zg="})
    CHECK_MESSAGE(!from_base64(text), text);
}

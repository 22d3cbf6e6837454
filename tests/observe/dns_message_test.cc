#include "checks/observe/dns/message.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "checks/facts/bounds.h"
#include "tests/observe/dns_packet.h"

using namespace stswatch;
using namespace stswatch::testing;

namespace {

dns::Octets view(const Bytes& octets) {
  return {reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()};
}

dns::Reading read(const Bytes& octets, const DnsQuestion& question, bool trust_ad = false) {
  return dns::read_answer(view(octets), {question, 0x1234, "192.0.2.53", trust_ad});
}

const DnsQuestion kAskTxt{"_mta-sts.example.com", RecordType::txt};
const DnsQuestion kAskMx{"example.com", RecordType::mx};
const DnsQuestion kAskA{"mx.example.com", RecordType::a};
const DnsQuestion kAskAaaa{"mx.example.com", RecordType::aaaa};

Packet txt() { return {"_mta-sts.example.com", kTxt}; }
Packet mx() { return {"example.com", kMx}; }
Packet a() { return {"mx.example.com", kA}; }

TxtAnswer txt_answer(const Packet& packet) {
  return std::get<TxtAnswer>(read(packet.octets(), kAskTxt).answer);
}
MxAnswer mx_answer(const Packet& packet) { return std::get<MxAnswer>(read(packet.octets(), kAskMx).answer); }
AddressAnswer a_answer(const Packet& packet) {
  return std::get<AddressAnswer>(read(packet.octets(), kAskA).answer);
}

}  // namespace

TEST_CASE("the query carries RD, AD, and with EDNS a size of 1232 and DO") {
  const auto query = dns::write_query({"a.b", RecordType::txt}, 0xBEEF, {});
  REQUIRE(query);
  const Bytes expected = u16(0xBEEF) + u16(0x0120) + u16(1) + u16(0) + u16(0) + u16(1) + wire("a.b") +
                         u16(16) + u16(1) + Bytes(1, '\0') + u16(41) + u16(1232) + u32(0x8000) + u16(0);
  CHECK(Bytes(query->begin(), query->end()) == expected);
  const auto plain = dns::write_query({"a.b", RecordType::a}, 1, {.edns = false, .checking_disabled = true});
  REQUIRE(plain);
  CHECK(Bytes(plain->begin(), plain->end()) ==
        u16(1) + u16(0x0130) + u16(1) + u16(0) + u16(0) + u16(0) + wire("a.b") + u16(1) + u16(1));
}

TEST_CASE("names that DNS cannot carry are not asked for") {
  for (const std::string& bad : {std::string("a..b"), std::string(".a"), std::string(64, 'x') + ".com",
                                 std::string("a\\"), std::string("a\\25"), std::string("a\\256")})
    CHECK_FALSE(dns::to_wire(bad));
  std::string labels;
  for (int i = 0; i < 128; ++i)
    labels += "a.";
  CHECK_FALSE(dns::to_wire(labels));               // 257 octets
  CHECK(dns::to_wire(labels.substr(0, 127 * 2)));  // 255
}

TEST_CASE("odd octets keep their name through text and back") {
  const Bytes odd = Bytes("\x05") + "a.B\\\x01" + Bytes("\x02") + "\xFF " + '\0';
  std::size_t at = 0;
  const auto text = dns::read_name(view(odd), at);
  REQUIRE(text);
  CHECK(*text == R"(a\.b\\\001.\255\032)");
  CHECK(at == odd.size());
  CHECK(dns::canonical(*text) == *text);
  CHECK(dns::is_within("a.b.example", "b.example"));
  CHECK(dns::is_within("b.example", "b.example"));
  CHECK(dns::is_within("x", ""));
  CHECK_FALSE(dns::is_within("ab.example", "b.example"));
  CHECK_FALSE(dns::is_within(R"(a\.example)", "example"));
  CHECK(dns::is_within(R"(a\\.example)", "example"));
}

TEST_CASE("TXT strings stay apart, octets as sent, and the TTL is the smallest") {
  const auto answer = txt_answer(txt()
                                     .with("_MTA-STS.Example.COM", kTxt, 300, rd_txt({"v=STSv1; ", "id=1;"}))
                                     .with("_mta-sts.example.com", kTxt, 60, rd_txt({"other\xFF"})));
  CHECK(answer.lookup == Lookup::found);
  CHECK(answer.name == "_mta-sts.example.com");
  CHECK(answer.ttl == 60);
  REQUIRE(answer.records.size() == 2);
  CHECK(answer.records[0].strings == std::vector<std::string>{"other\xFF"});
  CHECK(answer.records[1].strings == std::vector<std::string>{"v=STSv1; ", "id=1;"});
  CHECK(answer.detail.empty());
}

TEST_CASE(
    "MX hosts are lower case; the root is a null MX; order and duplicates do not matter (RFC 2181 §5)") {
  const auto one = mx_answer(mx().with("example.com", kMx, 5, rd_mx(20, "b.Example"))
                                 .with("example.com", kMx, 5, rd_mx(10, "a.example")));
  const auto two = mx_answer(mx().with("example.com", kMx, 5, rd_mx(10, "a.example"))
                                 .with("example.com", kMx, 5, rd_mx(20, "b.example"))
                                 .with("example.com", kMx, 5, rd_mx(20, "B.example")));
  CHECK(one == two);
  REQUIRE(one.records.size() == 2);
  CHECK(one.records[0].host == "a.example");
  CHECK(one.records[1].host == "b.example");
  const auto null_mx = mx_answer(mx().with("example.com", kMx, 5, rd_mx(0, "")));
  CHECK(null_mx.records == std::vector<MxRecord>{{0, ""}});
}

TEST_CASE("addresses of both families") {
  CHECK(a_answer(a().with("mx.example.com", kA, 1, Bytes("\xC0\x00\x02\x01", 4))).records ==
        std::vector{Address::v4({192, 0, 2, 1})});
  const auto v6 = read(
      Packet("mx.example.com", kAaaa).with("mx.example.com", kAaaa, 1, Bytes(16, '\1')).octets(), kAskAaaa);
  CHECK(std::get<AddressAnswer>(v6.answer).records.at(0).is_v6());
}

TEST_CASE("AD means secure only from a resolver trusted to validate (RULES 0.3)") {
  const auto octets = mx().ad().with("example.com", kMx, 5, rd_mx(0, "a.b")).octets();
  auto trusted = read(octets, kAskMx, true).answer;
  CHECK(dns::facts_of(trusted).secure);
  auto untrusted = read(octets, kAskMx, false).answer;
  CHECK_FALSE(dns::facts_of(untrusted).secure);
}

TEST_CASE("CNAME chains are followed whatever the order of the records; only the end counts") {
  const auto answer = txt_answer(txt()
                                     .with("c.example", kTxt, 90, rd_txt({"end"}))
                                     .with("b.example", kCname, 30, wire("C.example"))
                                     .with("unrelated.example", kTxt, 1, rd_txt({"stray"}))
                                     .with("_mta-sts.example.com", kCname, 40, wire("b.example")));
  CHECK(answer.lookup == Lookup::found);
  CHECK(answer.cname == std::vector<CnameLink>{{"b.example", 40}, {"c.example", 30}});
  CHECK(answer.records.size() == 1);
  CHECK(answer.ttl == 30);
}

TEST_CASE("a dangling CNAME is absent, with its chain") {
  const auto answer = txt_answer(txt()
                                     .rcode(3)
                                     .with("_mta-sts.example.com", kCname, 40, wire("gone.example"))
                                     .soa("example", 3600, 900));
  CHECK(answer.lookup == Lookup::absent);
  CHECK(answer.nxdomain);
  CHECK(answer.cname.size() == 1);
  CHECK(answer.ttl == 40);
}

TEST_CASE("a CNAME loop is seen, and settles the question") {
  for (const std::string_view target : {"_mta-sts.example.com", "b.example"}) {
    auto reading = read(txt()
                            .with("_mta-sts.example.com", kCname, 40, wire(target))
                            .with("b.example", kCname, 40, wire("_mta-sts.example.com"))
                            .octets(),
                        kAskTxt);
    CHECK(reading.definite);
    CHECK(dns::facts_of(reading.answer).cname_loop);
    CHECK(dns::facts_of(reading.answer).lookup == Lookup::unknown);
  }
}

TEST_CASE("eight links are a chain, nine are too many") {
  for (const int links : {8, 9}) {
    Packet packet = txt();
    std::string from = "_mta-sts.example.com";
    for (int i = 0; i < links; ++i) {
      const std::string to = "n" + std::to_string(i) + ".example";
      packet.with(from, kCname, 9, wire(to));
      from = to;
    }
    const auto answer = txt_answer(packet.with(from, kTxt, 9, rd_txt({"x"})));
    CHECK(answer.cname_loop == (links == 9));
    CHECK(answer.lookup == (links == 8 ? Lookup::found : Lookup::unknown));
    CHECK(answer.cname.size() == 8);
  }
}

TEST_CASE("no records are absence only with the zone's SOA (RFC 2308)") {
  struct Row {
    const char* why;
    Packet packet;
    Lookup lookup;
    bool nxdomain;
    std::uint32_t ttl;
    const char* detail;
  };
  const std::string none = "negative answer without SOA from 192.0.2.53";
  const std::vector<Row> rows{
      {"NXDOMAIN", txt().rcode(3).soa("example.com", 300, 900), Lookup::absent, true, 300, ""},
      {"NODATA, minimum smaller", txt().soa("example.com", 300, 60), Lookup::absent, false, 60, ""},
      {"SOA of the root", txt().rcode(3).soa("", 86400, 86400), Lookup::absent, true, 86400, ""},
      {"TTL with the top bit is zero (RFC 2181 §8)", txt().soa("example.com", 0x80000001, 60), Lookup::absent,
       false, 0, ""},
      {"NODATA without SOA", txt(), Lookup::unknown, false, 0, none.c_str()},
      {"NXDOMAIN without SOA", txt().rcode(3), Lookup::unknown, false, 0, none.c_str()},
      {"SOA of another zone (a filter's)", txt().rcode(3).soa("rpz.local", 1, 1), Lookup::unknown, false, 0,
       none.c_str()},
      {"record of another class", txt().with("_mta-sts.example.com", kTxt, 1, rd_txt({"x"}), 3),
       Lookup::unknown, false, 0, none.c_str()},
      {"record of another name", txt().with("example.com", kTxt, 1, rd_txt({"x"})), Lookup::unknown, false, 0,
       none.c_str()},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const auto answer = txt_answer(row.packet);
    CHECK(answer.lookup == row.lookup);
    CHECK(answer.nxdomain == row.nxdomain);
    CHECK(answer.ttl == row.ttl);
    CHECK(answer.detail == row.detail);
  }
}

TEST_CASE("what proves nothing is unknown, and says what it was") {
  const auto changed = [](const std::function<void(Packet&)>& change) {
    Packet packet = txt().with("_mta-sts.example.com", kTxt, 1, rd_txt({"x"}));
    change(packet);
    return packet.octets();
  };
  struct Row {
    Bytes octets;
    const char* detail;
  };
  const auto cut = changed([](Packet&) {});
  const std::vector<Row> rows{
      {txt().rcode(2).octets(), "SERVFAIL from 192.0.2.53"},
      {txt().rcode(2).ede(22, "at delegation x").octets(),
       "SERVFAIL from 192.0.2.53 (EDE 22 no reachable authority: at delegation x)"},
      {txt().rcode(2).ede(4711).octets(), "SERVFAIL from 192.0.2.53 (EDE 4711)"},
      {txt().rcode(5).octets(), "REFUSED from 192.0.2.53"},
      {txt().rcode(1).octets(), "FORMERR from 192.0.2.53"},
      {txt().rcode(4).octets(), "NOTIMP from 192.0.2.53"},
      {txt().rcode(9).octets(), "NOTAUTH from 192.0.2.53"},
      {txt().rcode(12).octets(), "RCODE 12 from 192.0.2.53"},
      {changed([](Packet& p) { p.rcode(3); }), "NXDOMAIN with records from 192.0.2.53"},
      {changed([](Packet& p) { p.id = 1; }), "answer with a wrong id from 192.0.2.53"},
      {changed([](Packet& p) { p.flags &= 0x7FFF; }), "no answer but another message from 192.0.2.53"},
      {changed([](Packet& p) { p.flags |= 0x2800; }), "no answer but another message from 192.0.2.53"},
      {changed([](Packet& p) { p.question = wire("evil.example") + u16(16) + u16(1); }),
       "answer to another question (\"evil.example\") from 192.0.2.53"},
      {changed([](Packet& p) { p.question = wire("_mta-sts.example.com") + u16(1) + u16(1); }),
       "answer to another question (\"_mta-sts.example.com\") from 192.0.2.53"},
      {changed([](Packet& p) {
         p.questions = 0;
         p.question.clear();
       }),
       "answer without the question from 192.0.2.53"},
      {changed([](Packet& p) { p.answers = 2; }), "unreadable answer from 192.0.2.53"},
      {changed([](Packet& p) { p.tc(); }), "truncated answer from 192.0.2.53"},
      {cut.substr(0, cut.size() - 1), "unreadable answer from 192.0.2.53"},
      {cut.substr(0, 11), "unreadable answer from 192.0.2.53"},
      {Bytes(), "unreadable answer from 192.0.2.53"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.detail);
    auto reading = read(row.octets, kAskTxt);
    const AnswerFacts& facts = dns::facts_of(reading.answer);
    CHECK_FALSE(reading.definite);
    CHECK(facts.lookup == Lookup::unknown);
    CHECK(facts.detail == row.detail);
    CHECK(facts.ttl == 0);
    CHECK(std::get<TxtAnswer>(reading.answer).records.empty());
  }
}

TEST_CASE("malformed RDATA makes the whole answer unknown") {
  const std::string owner = "_mta-sts.example.com";
  for (const Bytes& data : {Bytes(),
                            Bytes("\x05"
                                  "abc"),
                            Bytes("\x01"
                                  "a\x02"
                                  "b")})
    CHECK(txt_answer(txt().with(owner, kTxt, 1, data)).detail == "malformed record from 192.0.2.53");
  for (const Bytes& data : {Bytes("\0\1", 2),
                            u16(1) + Bytes("\x05"
                                           "abc"),
                            u16(1) + wire("a.b") + "x", u16(1) + Bytes("\xC0\xFF")})
    CHECK(mx_answer(mx().with("example.com", kMx, 1, data)).detail == "malformed record from 192.0.2.53");
  for (const std::size_t size : {0U, 3U, 5U, 16U})
    CHECK(a_answer(a().with("mx.example.com", kA, 1, Bytes(size, 'x'))).lookup == Lookup::unknown);
  CHECK(txt_answer(txt().with(owner, kCname, 1, wire("b.c") + "x")).detail ==
        "malformed CNAME from 192.0.2.53");
}

TEST_CASE("compression pointers must lead backwards (RFC 1035 §4.1.4)") {
  const Bytes rest = u16(kMx) + u16(1) + u32(7) + u16(4) + u16(10) + u16(0xC00C);
  const auto good = mx_answer(mx().raw(u16(0xC00C) + rest));
  CHECK(good.records == std::vector<MxRecord>{{10, "example.com"}});
  const std::size_t here = mx().octets().size();
  for (const std::size_t target : {here, here + 2, std::size_t{0x3FFF}})
    CHECK(mx_answer(mx().raw(u16(0xC000 | static_cast<unsigned>(target)) + rest)).detail ==
          "unreadable answer from 192.0.2.53");
  for (const char type : {'\x40', '\x80'})  // label types that are gone
    CHECK(mx_answer(mx().raw(Bytes(1, type) + rest)).lookup == Lookup::unknown);
}

TEST_CASE(
    "a failed validation is bogus when the server says so (EDE 6-12), a SERVFAIL without EDE may be one") {
  for (unsigned code = 0; code < 30; ++code) {
    auto reading = read(txt().rcode(2).ede(code).octets(), kAskTxt);
    CHECK(dns::facts_of(reading.answer).bogus == (code >= 6 && code <= 12));
    CHECK_FALSE(reading.unexplained);
  }
  CHECK(read(txt().rcode(2).octets(), kAskTxt).unexplained);
  auto found = read(txt().ede(6).with("_mta-sts.example.com", kTxt, 1, rd_txt({"x"})).octets(), kAskTxt);
  CHECK_FALSE(dns::facts_of(found.answer).bogus);
}

TEST_CASE("one record beyond the bound is kept, so that there were too many can be seen; no more") {
  Packet many = txt(), hosts = mx(), addresses = a(), fat = txt();
  for (unsigned i = 0; i < 200; ++i) {
    many.with("_mta-sts.example.com", kTxt, 1, rd_txt({std::to_string(i)}));
    hosts.with("example.com", kMx, 1, rd_mx(i, "h" + std::to_string(i)));
    addresses.with("mx.example.com", kA, 1, u32(i));
    fat.with("_mta-sts.example.com", kTxt, 1, rd_txt({std::to_string(i), std::string(250, 'x')}));
  }
  CHECK(txt_answer(many).records.size() == bounds::kTxtRecords + 1);
  CHECK(mx_answer(hosts).records.size() == bounds::kMxHosts + 1);
  CHECK(mx_answer(hosts).records.front().preference == 0);
  CHECK(a_answer(addresses).records.size() == bounds::kHostAddresses + 1);
  std::size_t octets = 0;
  for (const auto& record : txt_answer(fat).records)
    octets += record.joined().size();
  CHECK(octets > 15000);
  CHECK(octets <= bounds::kTxtOctets);
}

TEST_CASE("a crowd of other records does not hide the one that senders look for") {
  Packet many = txt(), fat = txt();
  for (unsigned i = 0; i < 200; ++i) {
    many.with("_mta-sts.example.com", kTxt, 1, rd_txt({"a" + std::to_string(i)}));
    fat.with("_mta-sts.example.com", kTxt, 1, rd_txt({"a" + std::to_string(i), std::string(250, 'x')}));
  }
  for (Packet* crowd : {&many, &fat}) {
    crowd->with("_mta-sts.example.com", kTxt, 1, rd_txt({"V=STSv1; id=1;"}));
    const auto records = txt_answer(*crowd).records;
    CHECK(std::ranges::count_if(records, [](const TxtRecord& r) { return r.joined() == "V=STSv1; id=1;"; }) ==
          1);
    CHECK(records.size() <= bounds::kTxtRecords + 1);
    CHECK(std::ranges::is_sorted(records, {}, &TxtRecord::strings));
  }
}

TEST_CASE("servers that do not know EDNS are recognised, also by a bare header or a bad version") {
  CHECK(read(txt().rcode(1).octets(), kAskTxt).dislikes_edns);
  CHECK(read(txt().rcode(4).octets(), kAskTxt).dislikes_edns);
  Packet bare = txt().rcode(1);
  bare.questions = 0;
  bare.question.clear();
  CHECK(read(bare.octets(), kAskTxt).dislikes_edns);
  Packet badvers = txt();
  badvers.additional = Packet::rr("", kOpt, 0x01000000, "", 1232);
  badvers.additionals = 1;
  auto reading = read(badvers.octets(), kAskTxt);
  CHECK(reading.dislikes_edns);
  CHECK(dns::facts_of(reading.answer).detail == "BADVERS from 192.0.2.53");
}

TEST_CASE("TLSA: three octets and the data, to the last octet (RFC 6698 §2.1)") {
  const DnsQuestion question{"_25._tcp.mx.example.com", RecordType::tlsa};
  const auto read_tlsa = [&](const Bytes& rdata, bool signed_by_sha1 = false, unsigned signatures = 1) {
    constexpr unsigned kTlsa = 52, kRrsig = 46;
    Packet packet(question.name, kTlsa);
    packet.with(question.name, kTlsa, 300, rdata);
    const Bytes head = u16(kTlsa) + Bytes(1, signed_by_sha1 ? 7 : 13) + Bytes(1, 4) + u32(300) +
                       u32(1'800'000'000) + u32(1'700'000'000) + u16(1) + wire("example.com") + "sig";
    for (unsigned i = 0; i < signatures; ++i)
      packet.with(question.name, kRrsig, 300, head);
    return std::get<TlsaAnswer>(read(packet.ad().octets(), question, true).answer);
  };
  const Bytes good("\x03\x01\x01\xAB\xCD", 5);
  const auto answer = read_tlsa(good);
  CHECK(answer.lookup == Lookup::found);
  REQUIRE(answer.records.size() == 1);
  CHECK(answer.records[0].str() == "3 1 1 abcd");
  CHECK(answer.secure);
  REQUIRE(answer.signed_until);
  CHECK(to_utc(*answer.signed_until) == "2027-01-15T08:00:00Z");
  REQUIRE(answer.signed_from);
  CHECK(to_utc(*answer.signed_from) == "2023-11-14T22:13:20Z");
  CHECK_FALSE(answer.rsasha1);
  CHECK(read_tlsa(Bytes("\x03\x01\x01", 3)).lookup == Lookup::unknown);  // no data
  CHECK(read_tlsa({}).lookup == Lookup::unknown);

  SUBCASE("RSASHA1 counts as unsigned (RFC 9905)") {
    const auto weak = read_tlsa(good, true);
    CHECK(weak.lookup == Lookup::found);
    CHECK_FALSE(weak.secure);
    CHECK(weak.rsasha1);
    CHECK_FALSE(weak.signed_until);
  }
  SUBCASE("a resolver that leaves the signatures out is believed") {
    CHECK(read_tlsa(good, false, 0).secure);
  }
}

TEST_CASE("NSEC3 iterations of a denial, where the resolver is trusted to validate (RFC 5155 §3.2)") {
  const auto iterations = [](const Bytes& rdata, bool trusted) {
    Packet packet(kAskTxt.name, kTxt);
    packet.soa("example.com", 300, 300);
    packet.authority += Packet::rr("hash.example.com", 50, 300, rdata);
    ++packet.authorities;
    auto reading = read(packet.octets(), kAskTxt, trusted);
    return dns::facts_of(reading.answer).nsec3_iterations;
  };
  const Bytes rdata = Bytes("\x01\x00", 2) + u16(150) + Bytes("\x00", 1) + Bytes("\x01\x00", 2);
  CHECK(iterations(rdata, true) == 150);
  CHECK(iterations(rdata, false) == 0);
  CHECK(iterations(Bytes("\x01\x00", 2), true) == 0);
}

TEST_CASE("TLSA: more records than are bounded are seen to be too many") {
  const DnsQuestion question{"_25._tcp.mx.example.com", RecordType::tlsa};
  Packet packet(question.name, 52);
  for (int i = 0; i < 200; ++i)
    packet.with(question.name, 52, 300, Bytes("\x03\x01\x01", 3) + Bytes(1, static_cast<char>(i)));
  const auto reading = read(packet.octets(), question);
  CHECK(std::get<TlsaAnswer>(reading.answer).records.size() == bounds::kTlsaRecords + 1);
}

TEST_CASE("TLSA: octets of a set, and name servers of a zone, are bounded") {
  const DnsQuestion question{"_25._tcp.mx.example.com", RecordType::tlsa};
  Packet fat(question.name, 52);
  for (int i = 0; i < 30; ++i)
    fat.with(question.name, 52, 300, Bytes("\x03\x01\x00", 3) + Bytes(1000, static_cast<char>(i)));
  std::size_t octets = 0;
  const auto reading = read(fat.octets(), question);
  for (const auto& record : std::get<TlsaAnswer>(reading.answer).records)
    octets += record.octets();
  CHECK(octets >= 15000);
  CHECK(octets <= bounds::kTlsaOctets);

  const DnsQuestion servers{"example.com", RecordType::ns};
  Packet many(servers.name, 2);
  for (int i = 0; i < 40; ++i)
    many.with(servers.name, 2, 300, wire("ns" + std::to_string(i) + ".example.com"));
  CHECK(std::get<NsAnswer>(read(many.octets(), servers).answer).records.size() == bounds::kNameServers + 1);
}

TEST_CASE("CAA: flags, a tag behind its length, and the value (RFC 8659 §4.1)") {
  const DnsQuestion question{"example.com", RecordType::caa};
  const auto read_caa = [&](const std::vector<Bytes>& set) {
    Packet packet(question.name, 257);
    for (const auto& rdata : set)
      packet.with(question.name, 257, 300, rdata);
    return std::get<CaaAnswer>(read(packet.octets(), question).answer);
  };
  const auto rdata = [](const char* flags, const Bytes& tag, const Bytes& value) {
    return Bytes(flags, 1) + Bytes(1, static_cast<char>(tag.size())) + tag + value;
  };
  const auto answer = read_caa({rdata("\x80", "issue", "letsencrypt.org"), rdata("\0", "iodef", "")});
  CHECK(answer.lookup == Lookup::found);
  REQUIRE(answer.records.size() == 2);
  CHECK(answer.records[0] == CaaRecord{0, "iodef", ""});
  CHECK(answer.records[1] == CaaRecord{128, "issue", "letsencrypt.org"});
  CHECK(answer.records[1].critical());

  CHECK(read_caa({rdata("\0", "", "x")}).lookup == Lookup::unknown);        // no tag
  CHECK(read_caa({rdata("\0", "is-sue", "x")}).lookup == Lookup::unknown);  // no letter or digit
  CHECK(read_caa({Bytes("\0\x09issue", 7)}).lookup == Lookup::unknown);     // a tag beyond the end
  CHECK(read_caa({Bytes("\0", 1)}).lookup == Lookup::unknown);              // no head
  // A part of a set would forbid what the rest allows.
  CHECK(read_caa(std::vector<Bytes>(2, rdata("\0", "issue", Bytes(3000, 'x')))).records.size() == 1);
  std::vector<Bytes> many;
  for (int i = 0; i < 40; ++i)
    many.push_back(rdata("\0", "issue", std::to_string(i)));
  CHECK(read_caa(many).lookup == Lookup::unknown);
}

#include "agent/remember/saved_look.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/judge/facts_builder.h"
#include "tests/remember/random_record.h"

using namespace stswatch;

namespace {

constexpr unsigned kSeeds = 300;

SavedLook base() {
  const auto look = facts::base();
  SavedLook out(look.domain);
  out.mx = look.mx;
  out.vantage = look.vantage;
  return out;
}

/// The base look, with the value at `pointer` replaced.
std::string altered(const char* pointer, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(to_text(base()));
  json[nlohmann::json::json_pointer(pointer)] = value;
  return json.dump();
}

std::string complaint(const std::string& text) {
  const auto look = read_saved_look(text);
  return look ? "none" : look.error();
}

void check_same(const SavedLook& was, const SavedLook& is) {
  CHECK(is.domain == was.domain);
  REQUIRE(is.mx.size() == was.mx.size());
  for (const auto& [host, look] : was.mx)
    CHECK(*is.mx.at(host) == *look);
  CHECK(to_json(is.vantage) == to_json(was.vantage));
}

}  // namespace

TEST_CASE("every field of a look comes back as it was") {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    const auto look = RandomLook(seed).look();
    const auto read = read_saved_look(to_text(look));
    REQUIRE_MESSAGE(read.has_value(), read.error());
    check_same(look, *read);
  }
}

TEST_CASE("the parts of a look come back by themselves") {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    const auto domain = RandomLook(seed).domain();
    const auto host = RandomLook(seed).host();
    CHECK(*read_domain_look(*parse_saved(to_json(domain).dump())) == domain);
    CHECK(*read_mx_look(*parse_saved(to_json(host).dump())) == host);
  }
}

TEST_CASE("every fact of the vantage comes back") {
  for (int bits = 0; bits < 32; ++bits) {
    const auto bit = [&](int n) { return (bits >> n & 1) == 1; };
    const Vantage was{bit(0),
                      bit(1),
                      bit(2) ? "mx.example" : "",
                      facts::kNow + Seconds{bits},
                      facts::kNow + Seconds{2 * bits},
                      facts::kNow + Seconds{3 * bits},
                      facts::kNow + Seconds{4 * bits},
                      bit(0) != bit(1),
                      bit(1) ? "it answers nothing" : "",
                      bit(0) ? "it is slow by at least 3 h" : "",
                      bit(2) != bit(3),
                      bit(3),
                      bit(4),
                      !bit(4)};
    const auto is = read_vantage(*parse_saved(to_json(was).dump()));
    REQUIRE(is.has_value());
    CHECK(is->reached_443 == was.reached_443);
    CHECK(is->reached_25 == was.reached_25);
    CHECK(is->reached_25_only == was.reached_25_only);
    CHECK(is->spoke_25_at == was.spoke_25_at);
    CHECK(is->starttls_stripped == was.starttls_stripped);
    CHECK(is->resolver_blind == was.resolver_blind);
    CHECK(is->clock_doubted == was.clock_doubted);
    CHECK(is->port53_blocked == was.port53_blocked);
    CHECK(is->reached_443_at == was.reached_443_at);
    CHECK(is->reached_25_at == was.reached_25_at);
    CHECK(is->answered_at == was.answered_at);
    CHECK(is->port25_blocked == was.port25_blocked);
    CHECK(is->ipv6 == was.ipv6);
    CHECK(is->allow_private == was.allow_private);
  }
}

TEST_CASE("what was remembered comes back with the look") {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    auto was = RandomRecord(seed).look();
    was.past = RandomRecord(seed).domain_record("example.com")->past;
    was.mx_pasts["mx.example.com"] = RandomRecord(seed).mx_record("mx.example.com")->past;
    const auto is = read_saved_look(to_text(was));
    REQUIRE_MESSAGE(is.has_value(), is.error());
    CHECK(is->past == was.past);
    REQUIRE(is->mx_pasts.size() == 1);
    CHECK(*is->mx_pasts.at("mx.example.com") == *was.mx_pasts.at("mx.example.com"));
  }
}

TEST_CASE("a look without memory comes back without") {
  CHECK_FALSE(read_saved_look(to_text(base()))->past);
  auto empty = base();
  empty.past = Past{};
  CHECK(read_saved_look(to_text(empty))->past == Past{});
}

TEST_CASE("a saved look is judged with what was remembered then") {
  auto look = base();
  const auto alone = judge(look, {});
  look.past = Past{};
  look.past->began = facts::kNow - facts::days(30);
  look.past->policies = {{{Mode::enforce, {"old.example.net"}, 604800, {}},
                          "",
                          {facts::kNow - facts::days(30), facts::kNow - Seconds{60}}}};
  look.past->ids = {{"old", 3600, {facts::kNow - facts::days(30), facts::kNow - Seconds{60}}},
                    {"20261101T000000Z", 3600, {facts::kNow - Seconds{60}, {}}}};
  const auto with_memory = judge(look, {});
  CHECK(with_memory.findings != alone.findings);
  CHECK(judge(*read_saved_look(to_text(look)), {}).findings == with_memory.findings);
}

TEST_CASE("a saved look is judged as the look itself was") {
  const auto look = base();
  const auto read = read_saved_look(to_text(look));
  REQUIRE(read.has_value());
  const auto was = judge(look.domain, look.mx, look.vantage, {});
  const auto is = judge(*read, {});
  CHECK(is.findings == was.findings);
  CHECK(is.checked_at == was.checked_at);
  CHECK(is.status == was.status);
}

TEST_CASE("a person can read it: words, times and texts as they are") {
  const auto json = nlohmann::json::parse(to_text(base()));
  CHECK(json["stswatch_look"] == 1);
  CHECK(json["domain"]["domain"] == "example.com");
  CHECK(json["domain"]["at"] == "2026-12-01T00:00:00Z");
  CHECK(json["domain"]["sts"]["lookup"] == "found");
  CHECK(json["domain"]["sts"]["records"][0][0] == facts::kRecord);
  CHECK(json["domain"]["fetches"][0]["body"] == facts::policy());
  CHECK(json["mx"][0]["host"] == facts::kMx1);
  CHECK_FALSE(json["domain"]["sts"].contains("bogus"));
}

TEST_CASE("what is no UTF-8 travels as base64") {
  auto look = base();
  look.domain.fetches[0].body = "mode: \xff\n";
  const auto json = nlohmann::json::parse(to_text(look));
  CHECK(json["domain"]["fetches"][0]["body"]["b64"] == "bW9kZTog/wo=");
}

TEST_CASE("a fault is named by its place, its value and what would be right") {
  struct Row {
    const char* pointer;
    nlohmann::json value;
    const char* said;
  };
  const Row rows[] = {
      {"/stswatch_look", 2, "stswatch_look: 2 was written by another version: this one reads 1"},
      {"/vantag", true, "vantag: is no key of a saved look"},
      {"/domain", 7, "domain: number where an object belongs"},
      {"/domain/domain", "localhost", "domain.domain: "},
      {"/domain/at", "yesterday", "domain.at: \"yesterday\" is no time: write 2026-12-01T00:00:00Z"},
      {"/domain/at", 1, "domain.at: number where a string"},
      {"/domain/sts/lookup", "lost", "domain.sts.lookup: \"lost\" is none of unknown, absent, found"},
      {"/domain/sts/ttl", -1, "domain.sts.ttl: -1 where a whole number from 0 to 4294967295 belongs"},
      {"/domain/sts/ttl", 4294967296, "domain.sts.ttl: 4294967296 where"},
      {"/domain/sts/ttl", 1.5, "domain.sts.ttl: 1.5 where"},
      {"/domain/sts/ttl", nullptr, "domain.sts.ttl: null where"},
      {"/domain/sts/records/0", "v=STSv1", "domain.sts.records[0]: string where an array belongs"},
      {"/domain/sts/records/0/0", {{"b64", "?"}}, "domain.sts.records[0][0].b64: is no base64"},
      {"/domain/sts/record", "x", "domain.sts.record: is no key of a saved look"},
      {"/domain/fetches/0/address", "here", "domain.fetches[0].address: \"here\" is no IP address"},
      {"/domain/fetches/0/duration_ms", -1, "domain.fetches[0].duration_ms: -1 where"},
      {"/domain/fetches/0/failure", nlohmann::json::object(), "domain.fetches[0].failure.stage: is missing"},
      {"/domain/fetches/0/tls/peer/used",
       {1},
       "domain.fetches[0].tls.peer.used: 1 is no place in a chain of 1"},
      {"/domain/fetches/0/too_large", "no",
       "domain.fetches[0].too_large: string where true or false belongs"},
      {"/domain/mx/records/0/preference", 65536, "domain.mx.records[0].preference: 65536 where"},
      {"/domain/misplaced", std::vector<int>(10001), "domain.misplaced: more than 10000 elements"},
      {"/mx", "none", "mx: an array of looks belongs here"},
      {"/mx/1/host", std::string(facts::kMx1), "mx[1].host: \"mx1.example.com\" is there already"},
      {"/mx/0/probes/0/helo_only", 1, "mx[0].probes[0].helo_only: number where"},
      {"/vantage/ipv6", "yes", "vantage.ipv6: string where true or false belongs"},
      {"/past", {{"began", 1}}, "past.began: number where a string"},
      {"/past", {{"ids", {{{"id", "1"}}}}}, "past.ids[0].first_seen: is missing"},
      {"/mx_pasts",
       {{"mx1.example.com", {{"changes", 1}}}},
       "mx_pasts.mx1.example.com.changes: number where an array"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pointer);
    const auto said = complaint(altered(row.pointer, row.value));
    CHECK_MESSAGE(said.starts_with(row.said), said);
  }
}

TEST_CASE("a store reads over keys of a later version; a file does not") {
  auto json = nlohmann::json::parse(to_json(base().domain).dump());
  json["sts"]["colour"] = "blue";
  CHECK(*read_domain_look(*parse_saved(json.dump())) == base().domain);
}

TEST_CASE("hostile text is an error and nothing worse") {
  const auto base_text = to_text(base());
  CHECK(complaint("").starts_with("not JSON: parse error at line 1, column 1"));
  CHECK(complaint("[]") == "stswatch_look: is missing: this is no saved look");
  CHECK(complaint(std::string(kSavedText + 1, ' ')).starts_with("larger than"));
  CHECK(complaint(std::string(1'000'000, '[')).starts_with("nested deeper"));
  CHECK(complaint(base_text + "x").starts_with("not JSON"));
  CHECK(complaint("{\"stswatch_look\":1,\"domain\":\"\xff\"}").starts_with("not JSON"));
  for (std::size_t cut = 0; cut + 2 < base_text.size(); cut += 97)
    CHECK_MESSAGE(complaint(base_text.substr(0, cut)).starts_with("not JSON"), cut);
}

TEST_CASE("whatever is changed in a file, reading it ends in a look or an error") {
  const auto text = to_text(base());
  std::mt19937 engine(7);
  std::size_t read = 0;
  for (int i = 0; i < 3000; ++i) {
    auto changed = text;
    changed[engine() % changed.size()] = static_cast<char>(engine() % 128);
    if (const auto look = read_saved_look(changed)) {
      (void)judge(*look, {});
      ++read;
    }
  }
  CHECK(read > 0);
}

TEST_CASE("a file cannot send escapes to a terminal through the words of a look") {
  const auto look = read_saved_look(altered("/domain/sts/detail", "\x1b[31m"));
  REQUIRE(look.has_value());
  CHECK(look->domain.sts.detail == "\\x1B[31m");
}

namespace {

std::string state_complaint(const std::string& state) {
  DomainMemory record(std::make_shared<DomainObservation>(*Domain::parse("example.com")),
                      Verdict(*Domain::parse("example.com")));
  const auto read = read_state(*parse_saved(state), record);
  return read ? "none" : read.error();
}

}  // namespace

TEST_CASE("an incident comes back as it was") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const auto was = RandomRecord(seed).incident();
    const auto is = read_incident(*parse_saved(to_json(was).dump()));
    REQUIRE_MESSAGE(is.has_value(), is.error());
    CHECK(*is == was);
  }
}

TEST_CASE("state and moments of a record are all of it but looks, incidents and the lists of its past") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const auto was = RandomRecord(seed).domain_record("example.com");
    auto is = std::make_shared<DomainMemory>(was->known, Verdict(was->known->domain));
    is->confirmed = was->confirmed;
    is->incidents = was->incidents;
    is->past.policies = was->past.policies;
    is->past.ids = was->past.ids;
    is->past.mx = was->past.mx;
    is->past.policy_host_certificates = was->past.policy_host_certificates;
    is->past.changes = was->past.changes;
    const LookTimesByRole looks{{"known", was->known->at}};
    LookTimesByRole looks_read;
    const auto state = read_state(*parse_saved(state_of(*was).dump()), *is);
    REQUIRE_MESSAGE(state.has_value(), state.error());
    const auto moments = read_moments(*parse_saved(moments_of(*was, looks).dump()), *is, looks_read);
    REQUIRE_MESSAGE(moments.has_value(), moments.error());
    CHECK(looks_read == looks);
    CHECK(is->past == was->past);
    CHECK(is->debounces == was->debounces);
    CHECK(is->times == was->times);
    CHECK(is->policy_fetched == was->policy_fetched);
    CHECK(is->policy_last_success == was->policy_last_success);
  }
}

TEST_CASE("a state that cannot be is named by its place") {
  CHECK(state_complaint("{}") == "none");
  CHECK(state_complaint("[]").starts_with("state: "));
  CHECK(
      state_complaint(R"({"doubts":{"sts":{"looks":"two"}}})").starts_with("state.doubts.sts.looks: string"));
  CHECK(state_complaint(R"({"times":{"soup":{}}})")
            .starts_with("state.times.soup: \"soup\" is none of sts_record"));
  CHECK(state_complaint(R"({"gates":{"g":"yesterday"}})")
            .starts_with("state.gates.g: \"yesterday\" is no time"));
  CHECK(state_complaint(R"({"fetches":[{"ok":true}]})").starts_with("state.fetches[0].at: is missing"));
}

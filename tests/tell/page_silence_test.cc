#include "agent/tell/pages.h"

#include <doctest/doctest.h>

namespace stswatch {
namespace {

const TimePoint kNow = *parse_utc("2026-12-01T00:00:00Z");

Finding finding(const char* code, const char* subject) {
  Finding f;
  f.code = code;
  f.subject = subject;
  f.severity = Severity::critical;
  return f;
}

std::shared_ptr<DomainMemory> record() {
  Verdict v(*Domain::parse("example.com"));
  v.findings = {finding("certificate-expired", "mx1.example.com"),
                finding("mx-not-in-policy", "*.example.com")};
  return std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(v.domain), std::move(v));
}

std::string page_with(std::map<std::string, Silence> silences, std::vector<Silence> configured = {}) {
  Snapshot s;
  s.now = kNow;
  s.domains = {record()};
  s.silences = std::move(silences);
  s.configured_silences = std::move(configured);
  return page_of_domain(s, "example.com").value();
}

std::size_t count(const std::string& page, std::string_view words) {
  std::size_t n = 0;
  for (auto at = page.find(words); at != page.npos; at = page.find(words, at + 1))
    ++n;
  return n;
}

}  // namespace

TEST_CASE("a form silences what is open on its domain, for one of the spans it offers") {
  const auto memory = record();
  const auto one =
      silence_of({"certificate-expired", "mx1.example.com", "4h", "new one is ordered"}, *memory, kNow);
  REQUIRE(one.has_value());
  CHECK(*one == Silence{"example.com", "certificate-expired", "mx1.example.com", kNow + Seconds{4 * 3600},
                        "new one is ordered"});
  const auto all = silence_of({"*", "*", "", ""}, *memory, kNow);
  REQUIRE(all.has_value());
  CHECK(*all == Silence{"example.com", "*", "*", std::nullopt, ""});
}

TEST_CASE("who was told can say that he is at it, once") {
  Snapshot s;
  s.now = kNow;
  s.domains = {record()};
  const auto page = [&] { return page_of_domain(s, "example.com").value(); };
  CHECK(count(page(), "cknowledge") == 0);
  s.told["example.com"] = std::nullopt;
  CHECK(count(page(), "<form method=\"post\" action=\"example.com/acknowledge\">") == 1);
  s.told["example.com"] = kNow - Seconds{60};
  CHECK(count(page(), "/acknowledge") == 0);
  CHECK(count(page(), "Acknowledged ") == 1);
}

TEST_CASE("a form cannot silence what is not there, nor more than its page shows") {
  const auto memory = record();
  const SilenceForm bad[] = {{"certificate-expired", "mx2.example.com", "1h", ""},
                             {"", "", "1h", ""},
                             {"*", "mx1.example.com", "1h", ""},
                             {"certificate-expired", "", "1h", ""},
                             {"", "mx1.example.com", "1h", ""},
                             {"*", "*", "100000d", ""},
                             {"*", "*", "1h", std::string(5000, 'x')}};
  for (const auto& form : bad) {
    CAPTURE(form.code);
    CHECK_FALSE(silence_of(form, *memory, kNow).has_value());
  }
  // A name from the network that is a glob stands for itself alone.
  const auto odd = silence_of({"mx-not-in-policy", "*.example.com", "1h", ""}, *memory, kNow);
  REQUIRE(odd.has_value());
  CHECK(covers(*odd, "example.com", finding("mx-not-in-policy", "*.example.com"), kNow));
  CHECK_FALSE(covers(*odd, "example.com", finding("mx-not-in-policy", "mx1.example.com"), kNow));
}

TEST_CASE("the page of all domains lists what is silenced, by whom and until when") {
  Snapshot s;
  s.now = kNow;
  s.domains = {record()};
  CHECK(count(page_of_domains(s, {}), "<h2>Silenced</h2>") == 0);
  s.configured_silences = {{"*.net", "mx-*", "*", std::nullopt, "<i>old</i>"}};
  s.silences = {{"1", {"example.com", "*", "*", kNow + Seconds{60}, "moving", "alice from 192.0.2.1"}},
                {"over", {"example.org", "*", "*", kNow, "past"}}};
  const auto page = page_of_domains(s, {});
  CHECK(count(page, "<h2>Silenced</h2>") == 1);
  CHECK(count(page, "*.net: mx-* at *") == 1);
  CHECK(count(page, "the configuration: &lt;i&gt;old&lt;/i&gt;") == 1);
  CHECK(count(page, "alice from 192.0.2.1: moving") == 1);
  CHECK(count(page, "past") == 0);
  for (int i = 0; i < 200; ++i)
    s.silences["n" + std::to_string(i)] = {"example.com", "*", "h" + std::to_string(i),
                                           std::nullopt,  "",  "x"};
  CHECK(count(page_of_domains(s, {}), "And 102 more") == 1);
}

TEST_CASE("what is silenced says so, with the button that ends it; what is not has the form") {
  const auto plain = page_with({});
  CHECK(count(plain, "/silence\">") == 3);
  CHECK(count(plain, "End this silence") == 0);

  const Silence one{"example.com", "certificate-*", "*", kNow + Seconds{60}, "<b>why</b>"};
  const auto page = page_with({{"an-id", one}, {"over", {"*", "*", "*", kNow, ""}}});
  CHECK(count(page, "/silence\">") == 2);
  CHECK(count(page, "End this silence") == 1);
  CHECK(count(page, "value=\"an-id\"") == 1);
  CHECK(count(page, "&lt;b&gt;why&lt;/b&gt;") == 1);

  const auto configured = page_with({}, {{"*.com", "*", "*", std::nullopt, ""}});
  CHECK(count(configured, "Silenced by the configuration (all of *.com)") == 1);
  CHECK(count(configured, "End this silence") == 0);
  CHECK(count(configured, "/silence\">") == 2);
}

}  // namespace stswatch

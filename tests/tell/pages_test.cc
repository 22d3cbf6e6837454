#include "agent/tell/pages.h"

#include <doctest/doctest.h>

#include "agent/tell/html.h"
#include "tests/judge/facts_builder.h"

namespace stswatch {
namespace {

std::shared_ptr<DomainMemory> record(const std::string& name, Status status,
                                     std::optional<TimePoint> breakage = std::nullopt) {
  Verdict v(*Domain::parse(name));
  v.status = status;
  if (breakage) v.forecast.breakage = ForecastPoint{*breakage, "certificate-expired", "mx1." + name};
  return std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(v.domain), std::move(v));
}

Snapshot of(std::initializer_list<std::shared_ptr<DomainMemory>> records) {
  Snapshot s;
  s.now = *parse_utc("2026-12-01T00:00:00Z");
  s.domains.assign(records.begin(), records.end());
  return s;
}

bool in_order(const std::string& page, std::initializer_list<const char*> words) {
  std::size_t at = 0;
  for (const char* word : words) {
    at = page.find(word, at);
    if (at == std::string::npos) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("what is not ours is text, whatever it holds") {
  const auto text = [](std::string_view words) { return Html().text(words).take(); };
  CHECK(text("<script>alert('x')</script> & \"") ==
        "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;");
  CHECK(text("a\r\nb\x1b[31m") == "a\nb\uFFFD[31m");
  CHECK(text("\xff<") == "\\xFF&lt;");
  CHECK(text("moc.elpmaxe\u202E") == "moc.elpmaxe\uFFFD");
  CHECK(text("bücher") == "bücher");
  CHECK(url_segment("../<a>") == "..%2F%3Ca%3E");
}

TEST_CASE("the most urgent domain is on top: by status, then by the date of breakage, then by name") {
  const auto now = *parse_utc("2026-12-01T00:00:00Z");
  const auto page = page_of_domains(
      of({record("fine.example", Status::ok), record("later.example", Status::critical, now + Seconds{900}),
          record("dark.example", Status::unknown), record("now.example", Status::critical, now)}),
      {});
  CHECK(in_order(page, {">now.example<", ">later.example<", ">dark.example<", ">fine.example<"}));
  CHECK(page.find("breakage now: certificate-expired mx1.now.example") != std::string::npos);
}

TEST_CASE("a filter finds by name, status, MX host and finding; what does not fit is not shown") {
  auto look = facts::base();
  Verdict v = judge(look.domain, look.mx, look.vantage, look.limits);
  const auto base = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain), v);
  const auto all = of({base, record("other.test", Status::warning)});
  const auto shows = [&](const ListQuery& query, const char* name) {
    return page_of_domains(all, query).find(std::string(">") + name + "<") != std::string::npos;
  };
  CHECK(shows({.search = " MX1.Example"}, "example.com"));
  CHECK_FALSE(shows({.search = "mx1.example"}, "other.test"));
  CHECK(shows({.status = "warning"}, "other.test"));
  CHECK_FALSE(shows({.status = "warning"}, "example.com"));
  CHECK(page_of_domains(all, {.search = "nothing-like-it"}).find("No domain fits") != std::string::npos);
}

TEST_CASE("a page beyond the last is the last, and a search stands in the form as text") {
  const auto page = page_of_domains(of({record("a.example", Status::ok)}),
                                    {.search = "\"><script>", .page = 1'000'000'000});
  CHECK(page.find("<script>") == std::string::npos);
  CHECK(page.find("value=\"&quot;&gt;&lt;script&gt;\"") != std::string::npos);
}

TEST_CASE("a domain's page says what is wrong, what comes, what was seen and what senders hold") {
  auto look = facts::base();
  look.domain.fetches[0].body = "version: STSv1\nmode: enforce\nmx: <b>mx1</b>\nmax_age: 604800\n";
  Verdict v = judge(look.domain, look.mx, look.vantage, look.limits);
  auto s = of({std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain), v)});
  s.now = look.domain.at;
  const auto page = page_of_domain(s, "example.com");
  REQUIRE(page.has_value());
  CHECK(in_order(*page, {"<h1>example.com</h1>", "<h2>Findings</h2>", "<svg", "<h2>Record</h2>",
                         "<h2>Policy as served</h2>", "<h2>MX hosts</h2>", "<h2>What senders hold</h2>",
                         "<h2>History</h2>"}));
  CHECK(page->find("<b>mx1</b>") == std::string::npos);
  CHECK_FALSE(page_of_domain(s, "other.example").has_value());
}

}  // namespace stswatch

#include "agent/tell/pages.h"

#include <doctest/doctest.h>

#include <set>

#include "agent/tell/html.h"
#include "agent/tell/http.h"
#include "tests/judge/facts_builder.h"

namespace stswatch {
namespace {

std::shared_ptr<DomainMemory> record(const std::string& name, Status status,
                                     std::optional<TimePoint> breakage = std::nullopt) {
  Verdict v(*Domain::parse(name));
  v.status = status;
  if (breakage) v.forecast.breakage = ForecastPoint{*breakage, Why::certificate_expired, {"mx1." + name}};
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
  CHECK(
      in_order(page, {"Mail of enforcing senders stops now", "the certificate of mx1.now.example has expired",
                      "Mail of enforcing senders stops in 15 min", "2026-12-01 00:15 UTC",
                      "the certificate of mx1.later.example expires"}));
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
  CHECK(in_order(*page, {"<h1>example.com <", "<h2>What is wrong</h2>", "<svg", "<h2>What to publish</h2>",
                         "<h2>The record</h2>", "<h2>The policy as served</h2>",
                         "From 198.51.101.1:", "<h2>The MX hosts</h2>", "<h2>What senders hold</h2>",
                         "<h2>Past incidents</h2>", "<h2>What changed</h2>"}));
  CHECK(page->find("<b>mx1</b>") == std::string::npos);
  CHECK_FALSE(page_of_domain(s, "other.example").has_value());
}

TEST_CASE("any column orders the list, and equal ones stay in the order of urgency") {
  const auto s = of({record("b.example", Status::ok), record("a.example", Status::ok),
                     record("c.example", Status::critical)});
  CHECK(in_order(page_of_domains(s, {.sort = "name"}), {">a.example<", ">b.example<", ">c.example<"}));
  for (const char* sort : {"mode", "look", "no such order"})
    CHECK(in_order(page_of_domains(s, {.sort = sort}), {">c.example<", ">a.example<", ">b.example<"}));
  CHECK(page_of_domains(s, {.sort = "name"})
            .find("aria-sort=\"ascending\"><a href=\"?q=&amp;status=&amp;sort=name") != std::string::npos);
}

TEST_CASE("ten thousand domains come in pages, each on one of them") {
  Snapshot s = of({});
  for (int n = 0; n < 10'000; ++n)
    s.domains.push_back(record("d" + std::to_string(n) + ".example", Status::ok));
  std::set<std::string> shown;
  for (std::size_t n = 1; n <= 50; ++n) {
    const auto page = page_of_domains(s, {.page = n});
    for (auto at = page.find("href=\"domain/"); at != page.npos; at = page.find("href=\"domain/", at + 1))
      shown.insert(page.substr(at, page.find('>', at) - at));
    CHECK((page.find(">Next<") != page.npos) == (n < 50));
    CHECK((page.find(">Previous<") != page.npos) == (n > 1));
  }
  CHECK(shown.size() == 10'000);
}

TEST_CASE(
    "what comes for all domains is counted by week, as picture and as table; what is far is counted as "
    "later") {
  const auto now = *parse_utc("2026-12-01T00:00:00Z");
  const auto days = [](int n) { return Seconds{n * 86400}; };
  const auto page = page_of_domains(
      of({record("a.example", Status::critical, now - days(3)),
          record("b.example", Status::ok, now + days(6)), record("c.example", Status::ok, now + days(8)),
          record("d.example", Status::ok, now + days(400))}),
      {});
  CHECK(in_order(page, {"What comes, if nothing is done", ">12-01<", ">12-08<", ">2</text>", ">1</text>",
                        ">Mail stops</th><td>2</td><td>1</td><td>0</td>", "<td>1</td></tr>",
                        ">MX hosts drop out</th><td>0</td>"}));
  CHECK(page_of_domains(of({record("a.example", Status::critical, now), record("b.example", Status::ok)}), {})
            .find("id=\"coming\"") != page.npos);
  CHECK(page_of_domains(of({record("a.example", Status::critical, now)}), {}).find("id=\"coming\"") ==
        page.npos);
  CHECK(page_of_domains(of({record("a.example", Status::ok), record("b.example", Status::ok)}), {})
            .find("id=\"coming\"") == page.npos);
}

TEST_CASE("what comes, in words") {
  const auto now = *parse_utc("2026-12-01T00:00:00Z");
  const auto words = [&](const Verdict& v) { return forecast_in_words(v, {}, now).what; };
  Verdict v(*Domain::parse("example.com"));
  CHECK(words(v) == "Mail may flow or not");
  v.mx_lookup = Lookup::found;
  CHECK(words(v) == "Nothing is foreseen");
  v.record.outcome = Outcome::ok;
  v.policy.outcome = Outcome::absent;
  CHECK(words(v) == "Mail flows unprotected");
  v.record.outcome = Outcome::invalid;
  v.record.taken_by = {"chasquid"};
  v.policy.shown = Policy{Mode::enforce, {"mx1.example.com"}, 604800, {}};
  CHECK(words(v) == "Mail flows");
  v.findings.emplace_back();
  v.findings.back().code = "cached-policy-breakage-now";
  v.findings.back().severity = Severity::warning;
  CHECK(words(v) == "Mail of some senders waits");
  v.findings.clear();
  v.record.taken_by.clear();
  v.record.outcome = Outcome::ok;
  v.policy.outcome = Outcome::ok;
  v.mode = Mode::testing;
  CHECK(words(v) == "Mail flows, nothing is enforced");
  v.mode = Mode::enforce;
  v.forecast.lapse = now + Seconds{86400 * 30};
  CHECK(words(v) == "Protection ends in 30 d");
  v.forecast.breakage =
      ForecastPoint{now + Seconds{86400 * 40}, Why::certificate_expired, {"mx1.example.com"}};
  CHECK(words(v) == "Mail flows for 40 d at least");
  v.forecast.degradation =
      ForecastPoint{now + Seconds{86400 * 2}, Why::certificate_expired, {"mx2.example.com"}};
  CHECK(words(v) == "Some MX hosts drop out in 2 d");
  v.forecast.overdue = true;
  CHECK(words(v) == "Mail of enforcing senders stops in 40 d");
  v.forecast.breakage->at = now;
  CHECK(words(v) == "Mail of enforcing senders stops now");
}

TEST_CASE("a policy that differs between its addresses is shown as each serves it") {
  auto look = facts::base();
  auto other = look.domain.fetches[0];
  other.address = facts::address(facts::kWeb2);
  other.body = "version: STSv1\nmode: none\nmax_age: 1\n";
  look.domain.fetches.push_back(other);
  Verdict v = judge(look.domain, look.mx, look.vantage, look.limits);
  const auto s = of({std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain), v)});
  const auto page = page_of_domain(s, "example.com");
  REQUIRE(page.has_value());
  CHECK(page->find("From 198.51.101.1 (the addresses differ):") != std::string::npos);
  CHECK(page->find("From 198.51.101.2 (the addresses differ):") != std::string::npos);
}

TEST_CASE("what senders report is a picture by day and a table by reporter, whatever they call themselves") {
  auto snapshot = of({record("fine.example", Status::ok)});
  CHECK_FALSE(in_order(*page_of_domain(snapshot, "fine.example"), {"What senders report"}));
  DomainReports reports;
  const auto yesterday = snapshot.now - Seconds{86400};
  const std::string odd = "<b>Odd</b> Corp.";
  reports.sessions = {{yesterday, snapshot.now, "Good Mail", "sts", 90, 0, ""},
                      {yesterday, snapshot.now, odd, "sts", 1, 10, ""}};
  reports.failures = {{yesterday, odd, "sts", "certificate-expired", "mx1.fine.example", "", "", 7}};
  snapshot.reports_of = [&](const std::string& domain) {
    return domain == "fine.example" ? std::make_shared<const DomainReports>(reports) : nullptr;
  };
  const auto page = *page_of_domain(snapshot, "fine.example");
  CHECK(in_order(
      page, {"What senders report", "2 reporters count them", "<rect class=\"bar\"", "<rect class=\"over\"",
             "&lt;b&gt;Odd", "certificate-expired at mx1.fine.example (7)", "Good Mail"}));
  CHECK(page.find("<b>Odd") == page.npos);
  reports.sessions[1].failed = UINT64_MAX;  // twice, and no sum runs over
  reports.sessions.push_back(reports.sessions[1]);
  CHECK(in_order(*page_of_domain(snapshot, "fine.example"), {"&lt;b&gt;Odd", ">9007199254740992<"}));
}

TEST_CASE("a look that was asked for is said to be under way until every part was looked at") {
  auto m = record("example.com", Status::ok);
  auto s = of({m});
  const auto says = [&](Seconds before) {
    return page_of_domain(s, "example.com", s.now - before)->find("id=\"looking\"") != std::string::npos;
  };
  m->times[Part::sts_record] = m->times[Part::mx] = {s.now - Seconds{20}, {}};
  CHECK(says(Seconds{10}));
  CHECK_FALSE(says(Seconds{20}));
  m->times[Part::sts_record] = {s.now, {}};
  CHECK(says(Seconds{10}));
  m->times[Part::mx] = {s.now, {}};
  CHECK_FALSE(says(Seconds{10}));
  m->times[Part::mx] = {};
  CHECK(says(Seconds{10}));
  CHECK_FALSE(says(Seconds{61}));  // it hangs, or never was
  CHECK_FALSE(says(Seconds{-5}));
}

}  // namespace stswatch

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

ProbeAnswer answer_of(const facts::Look& look) {
  auto record = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                               judge(look.domain, look.mx, look.vantage, look.limits));
  return {std::move(record), 0.25};
}

double value_of(const ProbeAnswer& answer, const std::string& family) {
  for (const auto& f : probe_families(answer))
    if (f.name == family) return f.metric.at(0).gauge.value;
  return -1;
}

}  // namespace

TEST_CASE("a probe tells of its domain and MX hosts, and of nothing of the agent") {
  std::set<std::string> names;
  for (const auto& family : probe_families(answer_of(facts::base())))
    CHECK(names.insert(family.name).second);
  for (const auto* there : {"probe_success", "probe_duration_seconds", "stswatch_domain_status",
                            "stswatch_mx_outcome", "stswatch_policy_max_age_seconds"})
    CHECK(names.contains(there));
  for (const auto* absent : {"stswatch_build_info", "stswatch_workers", "stswatch_vantage_port25_ok"})
    CHECK_FALSE(names.contains(absent));
}

TEST_CASE("success is a look that found the mail safe") {
  auto broken = facts::base();
  broken.set_policy(facts::policy({"mail.example.net"}));
  CHECK(value_of(answer_of(facts::base()), "probe_success") == 1);
  CHECK(value_of(answer_of(broken), "probe_success") == 0);
  CHECK(value_of(answer_of(broken), "probe_duration_seconds") == 0.25);
}

TEST_CASE("for a person: the verdict, its JSON and the metrics") {
  const auto page = probe_in_words(answer_of(facts::base()), "probe_success 1\n");
  for (const auto* part : {"example.com", "\"findings\":", "probe_success 1"})
    CHECK(page.find(part) != std::string::npos);
}

TEST_CASE("the scrape timeout, less the way back") {
  CHECK(scrape_timeout("10") == 9500ms);
  CHECK(scrape_timeout("9.5") == 9000ms);
  CHECK(scrape_timeout("0.4") == 200ms);
  for (const auto* bad : {"", "0", "-1", "ten", "10s", "inf", "nan", "1e9", " 5"})
    CHECK_FALSE(scrape_timeout(bad));
}

namespace {

Snapshot badge_snapshot(const facts::Look& look) {
  Snapshot s;
  s.now = facts::kNow;
  s.fresh_for = {Seconds{900}, Seconds{10800}, Seconds{10800}};
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                     judge(look.domain, look.mx, look.vantage, look.limits, kNoHistory));
  for (const auto part : kParts)
    record->times[part] = {facts::kNow, facts::kNow};
  for (const auto& mx : record->verdict.mx) {
    auto host = std::make_shared<MxMemory>();
    auto known = std::make_shared<MxHostObservation>();
    known->host = mx.host;
    host->known = known;
    host->times = {facts::kNow, facts::kNow};
    s.mx.push_back(std::move(host));
  }
  s.domains.push_back(std::move(record));
  return s;
}

std::string badge(const Snapshot& s) { return badge_svg(s, *s.domains.at(0)); }

bool says(const std::string& svg, const std::string& words) {
  return svg.find("aria-label=\"MTA-STS of example.com: " + words + "\"") != std::string::npos &&
         svg.find("<title>MTA-STS of example.com: " + words + "</title>") != std::string::npos &&
         svg.find(">" + words + "</text>") != std::string::npos;
}

}  // namespace

TEST_CASE("a badge says the status in words") {
  const auto sound = badge_snapshot(facts::base());
  CHECK_MESSAGE(says(badge(sound), "enforce, ok"), badge(sound));
  auto broken = facts::base();
  broken.set_policy(facts::policy({"mail.example.net"}));
  CHECK(says(badge(badge_snapshot(broken)), "critical"));
  auto testing = facts::base();
  testing.set_policy(facts::policy({facts::kMx1, facts::kMx2}, "testing"));
  CHECK_MESSAGE(says(badge(badge_snapshot(testing)), "testing, ok"), badge(badge_snapshot(testing)));
}

TEST_CASE("a badge of what was not seen lately is unknown") {
  auto old = badge_snapshot(facts::base());
  old.now += Seconds{30 * 86400};
  CHECK_MESSAGE(says(badge(old), "unknown"), badge(old));
}

TEST_CASE("a badge loads nothing") {
  const auto svg = badge(badge_snapshot(facts::base()));
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(svg.find("http", svg.find("http") + 1) == std::string::npos);
  for (const auto* active : {"<script", "<style", "url(", "href", "@import"})
    CHECK(svg.find(active) == std::string::npos);
  CHECK(svg.size() < 1000);
}

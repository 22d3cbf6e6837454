#include "agent/reports/book.h"

#include <unistd.h>

#include "tests/ingest/support.h"

using namespace stswatch;
using reports::Fate;

namespace {

reports::Sessions sessions(Desk& desk, const std::string& type = "sts") {
  return desk.intake->figures().domains["example.com"].sessions[type];
}

}  // namespace

TEST_CASE("a report is counted once, by whom and under what id it was sent (RFC 8460 §5.3)") {
  Desk desk(":memory:");
  CHECK(desk.hand_in(report()) == Fate::stored);
  CHECK(desk.hand_in(report()) == Fate::duplicate);
  CHECK(desk.hand_in(report({.organization = "Other"})) == Fate::stored);
  CHECK(desk.hand_in(report({.id = "r2"})) == Fate::stored);
  CHECK(sessions(desk).successful == 270);
  CHECK(sessions(desk).failed == 30);
  const auto figures = desk.intake->figures();
  const auto& failures = figures.domains.at("example.com").failures;
  CHECK(failures.at({"sts", "certificate-expired", "Google"}) == 20);
  CHECK(failures.at({"sts", "certificate-expired", "other"}) == 10);
  CHECK(figures.fates.at(Fate::stored) == 3);
  CHECK(figures.fates.at(Fate::duplicate) == 1);
}

TEST_CASE("twice in one batch is once") {
  Desk desk(":memory:");
  const auto outcomes =
      desk.intake->take({{.octets = report(), .source = "a"}, {.octets = report(), .source = "b"}});
  REQUIRE(outcomes);
  CHECK((*outcomes)[0].fate == Fate::stored);
  CHECK((*outcomes)[1].fate == Fate::duplicate);
}

TEST_CASE("words that a reporter makes up are no labels") {
  Desk desk(":memory:");
  desk.hand_in(
      report({.organization = "<b>", .type = "mine", .result_type = "'; DROP TABLE tlsrpt_reports"}));
  CHECK(desk.intake->figures().domains.at("example.com").failures.at({"other", "other", "other"}) == 10);
  const auto kept = desk.book->of("example.com", kNow - 30 * Seconds{86400});
  REQUIRE(kept.failures.size() == 1);
  CHECK(kept.failures[0].result_type == "'; DROP TABLE tlsrpt_reports");
}

TEST_CASE("of a report so many policies and rows are kept, and all are counted") {
  Desk desk(":memory:");
  TlsReport large;
  large.organization = "Google Inc.";
  large.report_id = "r1";
  large.start = kNow - Seconds{86400};
  large.end = kNow;
  for (int i = 0; i < 70; ++i) {
    large.policies.push_back(
        {.type = "sts", .domain = "example.com", .policy_string = {}, .mx_host = {}, .failures = {}});
    large.policies.back().failed = 1;
  }
  for (int i = 0; i < 150; ++i)
    large.policies.front().failures.emplace_back().mx = "mx" + std::to_string(i);
  for (auto& row : large.policies.front().failures) {
    row.result_type = "certificate-expired";
    row.sessions = 1;
  }
  const auto fates = desk.book->take(std::vector<reports::Arrival>{{large, ""}}, kNow);
  REQUIRE(fates);
  REQUIRE(fates->front() == Fate::stored);
  const auto kept = desk.book->of("example.com", kNow - 30 * Seconds{86400});
  CHECK(kept.sessions.size() == 64);
  CHECK(kept.failures.size() == 100);
  CHECK(sessions(desk, "sts").failed == 70);
  CHECK(desk.intake->figures()
            .domains.at("example.com")
            .failures.at({"sts", "certificate-expired", "Google"}) == 150);
}

TEST_CASE("only domains that are watched, and the MX hosts that DANE reports name for them (RFC 8460 §4.4)") {
  Desk desk(":memory:");
  CHECK(desk.hand_in(report({.domain = "elsewhere.example"})) == Fate::foreign);
  CHECK(desk.hand_in(report({.type = "tlsa", .domain = "MX.Example.com."})) == Fate::stored);
  CHECK(sessions(desk, "tlsa").successful == 90);
  CHECK(desk.hand_in(report({.id = "r2", .domain = "notexample.com"})) == Fate::foreign);
  // Not told in the report: the name of the file has it (§5.1).
  CHECK(desk.hand_in(report({.id = "r3", .type = "no-policy-found", .domain = ""}),
                     "s!example.com!1!2.json") == Fate::stored);
  CHECK(desk.hand_in(report({.id = "r4", .domain = ""})) == Fate::foreign);
}

TEST_CASE("neither long ago nor to come: such a report could be sent again when it is forgotten") {
  Desk desk(":memory:");
  CHECK(desk.hand_in(report({.day = "2026-08-29"})) == Fate::outdated);
  CHECK(desk.hand_in(report({.id = "r2", .day = "2026-08-31"})) == Fate::stored);
  CHECK(desk.hand_in(report({.id = "r3", .day = "2026-12-01"})) == Fate::outdated);
}

TEST_CASE("what is dropped with time stays counted, and cannot be counted anew") {
  Desk desk(":memory:");
  desk.hand_in(report());
  const auto later = kNow + reports::kKept;
  CHECK(desk.book->tidy(kNow).value() == false);
  CHECK(desk.book->of("example.com", kNow - reports::kKept).sessions.size() == 1);
  CHECK(desk.book->tidy(later).value() == false);
  CHECK(desk.book->of("example.com", kNow - reports::kKept).empty());
  CHECK(desk.book->of("example.com", kNow - reports::kKept).failures.empty());
  CHECK(sessions(desk).successful == 90);
  reports::Intake again(*desk.book, [&] { return later; });
  CHECK(again.take({{.octets = report(), .source = "x"}})->front().fate == Fate::outdated);
}

TEST_CASE("counters go on where they were, beside the store in its file") {
  const Folder folder;
  auto store = open_store(folder.state(), {.now = [] { return kNow; }});
  REQUIRE_MESSAGE(store, store.error());
  {
    Desk desk(folder.state());
    desk.hand_in(report());
    Desk other(folder.state());  // as `tlsrpt ingest` beside the service
    other.hand_in(report({.id = "r2"}));
    CHECK(sessions(desk).successful == 180);
    desk.hand_in(report({.id = "r3"}));
    CHECK(sessions(desk).successful == 270);
  }
  Desk desk(folder.state());
  CHECK(sessions(desk).successful == 270);
  CHECK(desk.intake->figures().domains.at("example.com").last_report == kNow);
  CHECK((*store)->stop());
}

TEST_CASE("a sum that would leave the whole numbers begins anew, as a counter may, and goes on counting") {
  Desk desk(":memory:");
  auto huge = report();
  const std::string most = "9007199254740992";
  huge.replace(huge.find("90,"), 2, most);
  desk.hand_in(huge);
  desk.hand_in(report({.id = "r2"}));
  CHECK(sessions(desk).successful == 90);
  desk.hand_in(report({.id = "r3"}));
  CHECK(sessions(desk).successful == 180);
}

TEST_CASE("what was not counted is kept by reporter, the newest of each kind, for the domain it is about") {
  using Kind = NotCounted::Kind;
  Desk desk(":memory:");
  const auto kept = [&] { return desk.book->of("example.com", kNow - 30 * Seconds{86400}).not_counted; };
  CHECK(desk.hand_in("{}", "s!other.example!1!2.json") == Fate::unreadable);
  CHECK(desk.hand_in("{}", "no-name") == Fate::unreadable);
  CHECK_FALSE(desk.book->knows("example.com"));
  CHECK(desk.hand_in("{}", "sender.example!example.com!1!2.json") == Fate::unreadable);
  CHECK(desk.book->knows("example.com"));
  REQUIRE(kept().size() == 1);
  CHECK(kept()[0].kind == Kind::malformed);
  CHECK_FALSE(kept()[0].why.empty());

  desk.hand_in(report());
  desk.hand_in(report());
  desk.hand_in(report());
  REQUIRE(kept().size() == 2);
  const auto all = kept();
  const auto twice = std::ranges::find(all, Kind::duplicate, &NotCounted::kind);
  REQUIRE(twice != all.end());
  CHECK(twice->reporter == "Google Inc.");
  CHECK(twice->times == 2);

  for (int i = 0; i < 40; ++i)
    desk.hand_in("{}", "s" + std::to_string(i) + "!example.com!1!2.json");
  CHECK(kept().size() == 21);  // twenty reporters of a kind, and the duplicate
}

TEST_CASE("a mail that its MTA did not find signed is kept by who seems to have sent it") {
  Desk desk(":memory:");
  TlsrptIntake options;
  options.authserv_id = "mx.own.example";
  desk.intake->adopt(options, {"example.com"});
  const auto mail =
      "From: a@sender.example\nSubject: Report\nTLS-Report-Domain: example.com\nMIME-Version: 1.0\n"
      "Content-Type: application/tlsrpt+json\n\n" +
      report();
  CHECK(desk.hand_in(mail) == Fate::unauthenticated);
  const auto kept = desk.book->of("example.com", kNow - Seconds{86400}).not_counted;
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].kind == NotCounted::Kind::unauthenticated);
  CHECK(kept[0].reporter == "sender.example");
  CHECK(kept[0].at == kNow);
}

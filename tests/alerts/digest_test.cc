// The weekly digest: when it is due, that it comes once, and that it never claims what was not seen.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "alerts/compose.h"
#include "alerts/delivery.h"
#include "alerts/digest.h"
#include "alerts/sink.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;
using Kind = SendResult::Kind;

namespace {

constexpr TimePoint kMonday = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30}} + 8h;
const WeeklyAt kAt{};  // mon 08:00

std::shared_ptr<DomainMemory> memory_of(const std::string& name, Status status = Status::ok) {
  const auto domain = *Domain::parse(name);
  auto out = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(domain), Verdict(domain));
  out->verdict.status = status;
  return out;
}

void open(DomainMemory& memory, const std::string& code, std::string subject, TimePoint at,
          std::optional<TimePoint> closed = std::nullopt) {
  Findings findings(memory.known->domain, Mode::enforce, at);
  findings.raise(code, std::move(subject), "what was seen of it");
  memory.incidents.push_back({findings.all().at(0), at, at, closed, 0, 0, {}});
}

/// A week with everything in it.
DigestSource eventful() {
  DigestSource out;
  out.external_url = "https://sts.example.net/";
  out.vantage = "fra1";
  const TimePoint now = kMonday;
  out.domains.push_back({"fine.example", memory_of("fine.example"), {}});
  auto bad = memory_of("bad.example", Status::critical);
  open(*bad, "certificate-expired", "mx1.bad.example", now - 24h);
  open(*bad, "sts-txt-missing", "bad.example", now - 48h, now - 24h);
  bad->past.changes.push_back({now - 72h, "mx-added", "mx2.bad.example", "", "10 mx2.<b>bad</b>.example"});
  bad->past.changes.push_back({now - 15 * 24h, "mx-removed", "mx9.bad.example", "x", ""});
  out.domains.push_back({"bad.example", bad, {}});
  auto soon = memory_of("soon.example");
  soon->verdict.forecast.breakage =
      ForecastPoint{now + 12 * 24h, Why::certificate_expired, {"mx.soon.example"}};
  out.domains.push_back({"soon.example", soon, {}});
  auto stale = memory_of("stale.example");
  stale->verdict.forecast.breakage =
      ForecastPoint{now + 5 * 24h, Why::certificate_expired, {"mx.stale.example"}};
  out.domains.push_back({"stale.example", stale, {.fresh = false, .seen = now - 50h}});
  out.domains.push_back({"never.example", nullptr, {}});
  Silence silence{"old.example", "sts-*", "*", now + 9 * 24h, "being moved"};
  out.silences = {silence, {"*", "mx-*", "*", now - 1s, "over"}};
  out.planned.emplace_back(now + 24h, "soon.example: a change is planned");
  return out;
}

class DigestsOnly : public Sink {
 public:
  explicit DigestsOnly(std::vector<Digest>& into, Kind& kind) : into_(into), kind_(kind) {}
  SendResult send(const Notice&, const Notice*, const std::stop_token&) override {
    return {Kind::sent, "", ""};
  }
  SendResult send_digest(const Digest& digest, const std::stop_token&) override {
    into_.push_back(digest);
    return {kind_, kind_ == Kind::sent ? "" : "server", ""};
  }

 private:
  std::vector<Digest>& into_;
  Kind& kind_;
};

/// A delivery thread with a clock of its own, over key values that outlive it.
struct Week {
  World world{{{"mail", {}}}};
  TimePoint now = kMonday - 3 * 24h;
  std::vector<Digest> attempts;
  Kind kind = Kind::sent;
  std::unique_ptr<Delivery> delivery = start();

  std::unique_ptr<Delivery> start() {
    Receiver receiver{{"mail", {}}, std::make_unique<DigestsOnly>(attempts, kind)};
    receiver.digest = kAt;
    Delivery::Hooks hooks;
    hooks.now = [this] { return now; };
    hooks.digest_source = eventful;
    hooks.key_values = world.key_values.get();
    return std::make_unique<Delivery>(*world.dispatcher, std::move(receiver), hooks);
  }
  void pass(Seconds span) {
    for (const auto end = now + span; now < end; now += 60s) {
      world.dispatcher->turn(now);
      delivery->step({});
    }
  }
};

}  // namespace

TEST_CASE("the date of a digest is the last such weekday and time") {
  CHECK(last_due(kAt, kMonday) == kMonday);
  CHECK(last_due(kAt, kMonday - 1s) == kMonday - 7 * 24h);
  CHECK(last_due(kAt, kMonday + 6 * 24h) == kMonday);
  CHECK(last_due({std::chrono::Sunday, 0s}, kMonday) == kMonday - 32h);
  CHECK(last_due({std::chrono::Monday, 23h}, kMonday) == kMonday - 7 * 24h + 15h);
}

TEST_CASE("a digest comes once a week, also across restarts") {
  Week week;
  week.pass(2 * 24h);
  CHECK(week.attempts.empty());  // its first date has not come yet
  week.pass(24h);
  CHECK(week.attempts.empty());
  week.pass(2min);
  REQUIRE(week.attempts.size() == 1);
  CHECK(week.attempts[0].key == "digest-2026-11-30T08:00:00Z");
  CHECK(week.attempts[0].from == kMonday - 3 * 24h);
  for (int i = 0; i < 3; ++i) {
    week.delivery = week.start();
    week.pass(24h);
  }
  CHECK(week.attempts.size() == 1);
  week.pass(4 * 24h + 1h);
  REQUIRE(week.attempts.size() == 2);
  CHECK(week.attempts[1].from == kMonday);
  CHECK(week.delivery->figures().sent.at("digest") == 1);
}

TEST_CASE("a digest that fails is tried again under the same key, and left out once it is old") {
  Week week;
  week.now = kMonday - 1min;
  week.delivery = week.start();
  week.kind = Kind::failed;
  week.pass(1h);
  REQUIRE(week.attempts.size() > 2);
  CHECK(week.attempts.size() < 40);  // with back-off
  week.kind = Kind::sent;
  week.pass(1h);
  const auto tried = week.attempts.size();
  CHECK(week.attempts.front().key == week.attempts.back().key);
  week.pass(24h);
  CHECK(week.attempts.size() == tried);
  week.now = kMonday + 7 * 24h + DigestSchedule::kLate + 1s;  // the service was down
  week.delivery = week.start();
  week.pass(1h);
  CHECK(week.attempts.size() == tried);
  week.now = kMonday + 15 * 24h;  // a day late
  week.pass(1h);
  CHECK(week.attempts.size() == tried + 1);
}

TEST_CASE("a digest that nobody takes holds up no notice") {
  const auto minutes_with = [](Kind kind) {
    Week week;
    week.now = kMonday;
    week.kind = kind;
    week.pass(30min);
    REQUIRE_FALSE(week.attempts.empty());
    week.world.now = week.now;
    break_mail(week.world);
    int minutes = 0;
    for (; minutes < 20 && week.delivery->figures().sent.at("new") == 0; ++minutes)
      week.pass(1min);
    return minutes;
  };
  const int undisturbed = minutes_with(Kind::sent);
  CHECK(undisturbed < 20);
  CHECK(minutes_with(Kind::refused) == undisturbed);
  CHECK(minutes_with(Kind::failed) == undisturbed);
}

TEST_CASE("a calendar that was set back sends nothing twice and stops nothing") {
  RamKeyValues rows;
  DigestSchedule schedule(rows, "mail", kAt, kMonday - 1s);
  schedule.sent(kMonday);
  CHECK_FALSE(schedule.due(kMonday));
  CHECK_FALSE(schedule.due(kMonday - 30 * 24h));
  CHECK(schedule.due(kMonday - 21 * 24h) == kMonday - 21 * 24h);
}

TEST_CASE("first what was not seen; nothing of it counts as well, and its forecast is not told") {
  const auto digest = compose_digest(eventful(), kMonday - 7 * 24h, kMonday);
  CHECK(digest.watched == 5);
  CHECK(digest.good == 2);
  REQUIRE(digest.unseen.lines.size() == 2);
  CHECK(digest.unseen.lines[0].domain == "stale.example");
  CHECK(digest.unseen.lines[1].text == "never looked at");
  for (const auto& line : digest.comes.lines)
    CHECK(line.domain != "stale.example");
  REQUIRE(digest.comes.lines.size() == 2);
  CHECK(digest.comes.lines[1].text.starts_with("unless the certificate of mx.soon.example is renewed, "));
  CHECK(digest.comes.lines[1].severity == Severity::critical);
  REQUIRE(digest.open.lines.size() == 1);
  CHECK(digest.open.lines[0].severity == Severity::critical);
  CHECK(digest.changed.lines.size() == 1);
  CHECK(digest.over.lines.size() == 1);
  CHECK(digest.silenced.lines.size() == 1);
  const auto text = digest_text(digest);
  CHECK(
      text.starts_with("2 domains were not seen lately, of which nothing can be said. 2 of 5 domains were"));
  CHECK(text.find("Not seen") < text.find("Open now"));
  CHECK(text.find("being moved") != std::string::npos);
  CHECK(digest_subject(digest) ==
        "[DIGEST] 2 domains not seen, 1 open, 2 to come: MTA-STS of 5 domains, week to 2026-11-30");
}

TEST_CASE("a certificate that will be renewed in its time is no alarm") {
  DigestSource source;
  auto usual = memory_of("fine.example");
  usual->verdict.forecast.breakage =
      ForecastPoint{kMonday + 20 * 24h, Why::certificate_expired, {"mx.fine.example"}};
  usual->verdict.forecast.lapse = kMonday + 27 * 24h;
  source.domains.push_back({"fine.example", usual, {}});
  const auto digest = compose_digest(source, kMonday - 7 * 24h, kMonday);
  REQUIRE(digest.comes.lines.size() == 2);
  for (const auto& line : digest.comes.lines) {
    CHECK(line.text.starts_with("unless "));
    CHECK_FALSE(line.severity);
  }
}

TEST_CASE("a quiet week is a short mail") {
  DigestSource source;
  source.domains.push_back({"fine.example", memory_of("fine.example"), {}});
  const auto digest = compose_digest(source, kMonday - 7 * 24h, kMonday);
  CHECK(digest_text(digest).starts_with("1 of 1 domain was seen lately and found well.\n"));
  CHECK(digest_subject(digest) == "[DIGEST] nothing open: MTA-STS of 1 domain, week to 2026-11-30");
  CHECK(digest_text(digest).find("Silenced") == std::string::npos);
}

TEST_CASE("both parts say the same, and nothing in the HTML is markup that was not ours") {
  const auto digest = compose_digest(eventful(), kMonday - 7 * 24h, kMonday);
  const auto html = digest_html(digest), text = digest_text(digest);
  CHECK(html.find("<b>") == std::string::npos);
  CHECK(html.find("&lt;b&gt;bad") != std::string::npos);
  for (const auto* part :
       {&digest.unseen, &digest.open, &digest.over, &digest.changed, &digest.comes, &digest.silenced})
    for (const auto& line : part->lines) {
      CHECK(text.find(line.text) != std::string::npos);
      CHECK(html.find(escape_html(line.text)) != std::string::npos);
    }
  const auto mail = to_mail(digest, "mail", {"", "watch@example.net"}, {{"", "ops@example.net"}}, kMonday);
  CHECK(mail.find("multipart/alternative") != std::string::npos);
  CHECK(mail.find("In-Reply-To: <stswatch.digest-root.mail@example.net>") == std::string::npos);
  CHECK(mail.find("<stswatch.digest.root.mail@example.net>") != std::string::npos);
  if (const char* file = std::getenv("STSWATCH_DIGEST_HTML")) std::ofstream(file) << html;
}

TEST_CASE("a receiver's domains are its digest's; a part is bounded") {
  CHECK(is_for({}, "a.example"));
  CHECK(is_for({.domains = {"*.example"}}, "a.example"));
  CHECK_FALSE(is_for({.domains = {"b.*"}}, "a.example"));
  DigestSource source;
  for (int i = 0; i < 150; ++i)
    source.domains.push_back({"d" + std::to_string(i) + ".example", nullptr, {}});
  const auto digest = compose_digest(source, kMonday - 7 * 24h, kMonday);
  CHECK(digest.unseen.lines.size() == kMostDigestLines);
  CHECK(digest.unseen.more == 50);
  CHECK(digest_text(digest).find("150 domains were not seen") != std::string::npos);
}

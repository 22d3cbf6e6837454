// What the renderings look like, and that nothing hostile gets through any of them.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "checks/facts/text.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;
using Json = nlohmann::json;

namespace {

Notice labelled_page() {
  World world;
  world.labels["example.com"] = {{"team", "mail"}};
  break_mail(world);
  world.pass(1min);
  return world.told().at(0);
}

/// In every field, everything that has ever ended a field, a header, an element or a string.
Notice hostile() {
  const std::string evil =
      "</td><script>alert(1)</script> \"'><img src=x onerror=1>\r\nBcc: victim@example.net\r\n\r\n.\r\n"
      "<!channel> <@U1> <https://evil.example|click> `` ``` & \x01\x1b[31m \x7f \xff\xfe \xe2\x80\xae "
      "\xe2\x80\xa8 \xc2\x85";
  Notice n = labelled_page();
  n.title = n.effect = n.seen = n.changed = n.outlook = n.fix = n.verify = n.reference = n.url =
      n.runbook_url = evil;
  n.domains = {evil};
  n.findings = {{evil, evil, evil, Severity::critical}};
  n.labels = {{evil, evil}};
  return n;
}

/// Without the breaks of lines that were too long.
std::string flat(std::string text) {
  for (auto at = text.find("\n         "); at != text.npos; at = text.find("\n         "))
    text.replace(at, 10, " ");
  return text;
}

std::vector<std::string> labels_in(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with(' ')) out.push_back(line.substr(0, line.find(':')));
  return out;
}

}  // namespace

TEST_CASE("the subject tells effect first, whom it concerns and since when (RULES 5.6)") {
  CHECK(subject_line(labelled_page())
            .starts_with("[PAGE] example.com: enforcing senders cannot deliver since 2026-12-01T00:00:00Z"));
  auto n = labelled_page();
  n.kind = NoticeKind::resolved;
  CHECK(subject_line(n).starts_with("[RESOLVED] example.com: "));
  n.title = std::string(500, 'x');
  CHECK(subject_line(n).size() <= 200);
}

TEST_CASE("the body is in the order of RULES 5.6, whatever there is to say") {
  const auto text = to_plain_text(labelled_page());
  CHECK(labels_in(text) == std::vector<std::string>{"Effect", "Seen", "Changed", "Since", "Until", "Fix",
                                                    "Verify", "Code", "Labels", "Page"});
  for (const auto* needle :
       {"The first bounces come from one day on after a message was sent (Exchange Online), others after "
        "four to "
        "five days: from 2026-12-02T00:00:00Z on",
        "mx1.example.com: what was seen of it [certificate-expired, first seen 2026-12-01T00:00:00Z",
        "vantage: fra1", "Install a renewed certificate at mx1.example.com",
        "openssl s_client -starttls smtp -connect mx1.example.com:25 -servername mx1.example.com",
        "enforce-breakage-now / certificate-expired, critical, RFC 8461 §5", "team=mail",
        "https://sts.example.net/domain/example.com"}) {
    CHECK_MESSAGE(flat(text).find(needle) != std::string::npos, needle);
  }
}

TEST_CASE("a long list of domains is cut in text and whole in the webhook") {
  auto n = labelled_page();
  n.domains.clear();
  for (int i = 0; i < 5000; ++i)
    n.domains.push_back("d" + std::to_string(i) + ".example.com");
  n.domain_count = n.domains.size();
  CHECK(flat(to_plain_text(n)).find("5000: d0.example.com, ") != std::string::npos);
  CHECK(flat(to_plain_text(n)).find(" and 4950 more") != std::string::npos);
  CHECK(Json::parse(to_webhook_json(n))["domains"].size() == 5000);
  const auto slack = Json::parse(to_slack_json(n, ""));
  for (const auto& block : slack["blocks"])
    CHECK(block["text"]["text"].get<std::string>().size() <= 3000);
}

TEST_CASE("the webhook body has the keys of CONTRACT 5, in its order") {
  auto n = labelled_page();
  n.labels.clear();
  const auto json = nlohmann::ordered_json::parse(to_webhook_json(n));
  std::vector<std::string> keys;
  for (const auto& [key, _] : json.items())
    keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"version", "key", "kind", "status", "route", "severity", "title",
                                         "effect", "seen", "changed", "since", "until", "fix", "verify",
                                         "reference", "url", "domains", "findings"});
  CHECK(json["version"] == 1);
  CHECK(json["kind"] == "new");
  CHECK(json["status"] == "firing");
  CHECK(json["route"] == "page");
  CHECK(json["severity"] == "critical");
  CHECK(json["since"] == "2026-12-01T00:00:00Z");
  CHECK(json["until"].is_null());
  CHECK(json["domains"] == Json::array({"example.com"}));
  CHECK(json["findings"][0] == nlohmann::ordered_json{{"domain", "example.com"},
                                                      {"code", "enforce-breakage-now"},
                                                      {"subject", "example.com"},
                                                      {"severity", "critical"}});
  n.kind = NoticeKind::resolved;
  CHECK(Json::parse(to_webhook_json(n))["status"] == "resolved");
}

TEST_CASE("nothing hostile is left in the text: no control character, no second header line") {
  const auto n = hostile();
  const auto subject = subject_line(n);
  CHECK(subject.find('\n') == subject.npos);
  for (const auto& text : {subject, to_plain_text(n), to_html(n), to_webhook_json(n),
                           to_slack_json(n, "#mail"), to_alertmanager_json({n}, kStart)}) {
    CHECK(text::is_utf8(text));
    for (const char c : text)
      CHECK((c == '\n' || c < 0 || c >= ' '));
    for (const auto* mark : {"\x7f", "\xe2\x80\xae", "\xe2\x80\xa8", "\xc2\x85"})
      CHECK(text.find(mark) == text.npos);
  }
  // What a line began with is indented: it cannot pass for a field of its own.
  CHECK(to_plain_text(n).find("\nBcc:") == std::string::npos);
}

TEST_CASE("HTML shows hostile text as text") {
  const auto html = to_html(hostile());
  for (const std::string tag : {"<script", "<img", "onerror=1>", "</td><script"})
    CHECK_MESSAGE(html.find(tag) == html.npos, tag);
  CHECK(html.find("&lt;script&gt;") != html.npos);
  CHECK(html.find("<a ") == html.npos);  // what is no URL is no link
  CHECK(to_html(labelled_page()).find("<a href=\"https://sts.example.net/domain/example.com\">") !=
        std::string::npos);
}

TEST_CASE("Slack can make no mention, link or code block of hostile text") {
  const auto json = Json::parse(to_slack_json(hostile(), "#mail"));
  CHECK(json["channel"] == "#mail");
  const auto check = [](const std::string& text) {
    for (const auto* bad : {"<!", "<@", "<http"})
      CHECK_MESSAGE(text.find(bad) == text.npos, text);
  };
  check(json["text"]);
  for (const auto& block : json["blocks"]) {
    if (block["type"] == "header") continue;
    std::string text = block["text"]["text"];
    check(text);
    CHECK(block["text"]["verbatim"] == true);
    const bool code = text.starts_with("*Verify*\n```");
    CHECK(std::ranges::count(text, '`') == (code ? 6 : 0));
  }
}

TEST_CASE(
    "an alert keeps its labels from its first notice to its end, and is over in the future while it fires") {
  auto n = labelled_page();
  const auto firing = Json::parse(to_alertmanager_json({n}, kStart + 5min))[0];
  CHECK(firing["labels"] == Json{{"alertname", "StswatchProblem"},
                                 {"problem", n.thread()},
                                 {"severity", "critical"},
                                 {"route", "page"},
                                 {"domain", "example.com"},
                                 {"team", "mail"}});
  CHECK(firing["startsAt"] == "2026-12-01T00:00:00Z");
  CHECK(firing["endsAt"] == "2026-12-01T00:05:00Z");
  ComposeContext later;
  later.now = kStart + 2min;
  const auto over = compose_resolved({n, {"enforce-breakage-now"}, 0}, later);
  const auto resolved = Json::parse(to_alertmanager_json({over}, kStart + 5min))[0];
  CHECK(resolved["labels"] == firing["labels"]);
  CHECK(resolved["endsAt"] == "2026-12-01T00:02:00Z");
}

TEST_CASE("no command is printed that a shell would take apart") {
  World world;
  world.open("example.com", "certificate-expired", "mx$(reboot).example.com");
  world.pass(1min);
  CHECK(world.told().at(0).verify == "stswatch check example.com");
  World v6;
  v6.open("example.com", "certificate-expired", "mx1.example.com 2001:67c::25");
  v6.pass(1min);
  CHECK(v6.told().at(0).verify.find("-connect [2001:67c::25]:25 -servername mx1.example.com") !=
        std::string::npos);
}

TEST_CASE("the resolve says how long it lasted and what is left in caches") {
  World world;
  break_mail(world);
  world.pass(2h);
  world.change("example.com", [&](DomainMemory& record) {
    record.verdict.safe_after = world.now + 3 * kDay;
    record.past.changes.push_back({world.now, "policy", "example.com", "enforce", "testing"});
  });
  mend_mail(world);
  world.pass(1min);
  const auto over = world.told().back();
  CHECK(over.title == "example.com: enforcing senders can deliver again, after 2 h");
  CHECK(over.changed == "2026-12-01T02:00:00Z policy example.com: enforce -> testing");
  CHECK(over.outlook ==
        "over at 2026-12-01T02:00:00Z after 2 h; some senders may hold an earlier policy until "
        "2026-12-04T02:00:00Z");
}

TEST_CASE(
    "what cured a host: the certificate that took the place of another, and none that only stands beside "
    "it") {
  const TimePoint since{Seconds{1'800'000'000}};
  const auto at = [&](int minutes) { return since + Seconds{60 * minutes}; };
  HostPast past;
  past.certificates = {{"a", "key", "CA", "1", {}, at(-1), {at(-600), at(5)}},
                       {"b", "other", "CA", "2", {}, at(9000), {at(-600), {}}},
                       {"c", "key", "CA", "3", {}, at(9999), {at(5), {}}},
                       {"d", "third", "CA", "4", {}, at(7000), {at(6), {}}}};
  const auto mx = std::make_shared<MxMemory>();
  const auto known = std::make_shared<MxHostObservation>();
  known->host = "mx1.example.com";
  mx->known = mx->confirmed = known;
  mx->past = std::make_shared<HostPast>(past);
  ComposeContext around;
  around.now = at(7);
  around.mx = [&](const std::string&) { return mx; };
  CHECK(changes_in_words("example.com", "mx1.example.com", since, around) ==
        to_utc(at(5)) + " certificate mx1.example.com: until " + to_utc(at(-1)) + " -> until " +
            to_utc(at(9999)));
  CHECK(changes_in_words("example.com", "mx1.example.com", at(6), around) ==
        "nothing that was seen from here");
}
